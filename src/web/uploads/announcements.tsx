/** Says to screen readers when all is done, when a file has failed, and when something is to be decided: nothing else. */
import { count } from '../shell/words.ts';
import type { QueueState } from './queue-state.ts';
import type { Totals } from './totals.ts';

export function Announcements({ state, totals }: { readonly state: QueueState; readonly totals: Totals }) {
  return (
    <p class="unseen" role="status" aria-live="polite">
      {textOf(state, totals)}
    </p>
  );
}

/** The same as long as nothing of it has changed: then nothing is said. */
function textOf({ entries }: QueueState, { stored, failed, open, by }: Totals): string {
  const parts: string[] = [];
  if (failed > 0) {
    const last = entries.findLast(({ status }) => status === 'failed')!;
    parts.push(
      failed === 1 ? `${last.name} has failed: ${last.why}.` : `${count(failed)} uploads have failed.`,
    );
  }
  if (by.asking !== undefined) parts.push('A file exists already: say what to do.');
  if (open === 0 && stored > 0)
    parts.push(stored === 1 ? '1 upload is finished.' : `${count(stored)} uploads are finished.`);
  return parts.join(' ');
}
