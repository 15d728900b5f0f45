/** How far the reading is, and what ends it. */
import { bytes } from '../../shell/words.ts';
import type { ReadingState } from '../reading.ts';

export function ReadingBar({ state, cancel }: { readonly state: ReadingState; readonly cancel: () => void }) {
  const { file, read, phase } = state;
  if (file === null) return null;
  if (phase === 'cut') {
    return (
      <p id="reading" class="hint" role="status">
        Cancelled after {bytes(read)} of {bytes(file.size)}: what was read until then is shown.
      </p>
    );
  }
  if (phase === 'over') {
    return (
      <p id="reading" class="unseen" role="status">
        It was read to its end.
      </p>
    );
  }
  if (phase !== 'reading') return null;
  return (
    <div class="reading">
      <progress aria-label="Reading" max={Math.max(1, file.size)} value={read} />
      <span id="reading" class="hint">
        {bytes(read)} of {bytes(file.size)}
      </span>
      <button type="button" id="cancel-reading" onClick={cancel}>
        Cancel
      </button>
    </div>
  );
}
