/** Bytes that were followed: as text, or as a dump. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { countOf } from '../../shell/words.ts';
import { SHOWN_BYTES } from '../data/limits.ts';
import { hexDump } from './hex.ts';

interface FollowedBytesProps {
  readonly bytes: Uint8Array;
  readonly total: number;
  readonly note: string;
  readonly close: () => void;
  readonly children?: ComponentChildren;
}

export function FollowedBytes({ bytes, total, note, close, children }: FollowedBytesProps) {
  const shown = bytes.subarray(0, SHOWN_BYTES);
  const [asText, setAsText] = useState(() => isText(shown));
  return (
    <div class="followed card">
      <p class="hint">
        {shown.length < total ? `the first ${countOf(shown.length, 'byte')} of ` : ''}
        {countOf(total, 'byte')}
      </p>
      <div class="followed-tools">
        {children}
        <button type="button" aria-pressed={!asText} onClick={() => setAsText(!asText)}>
          Hex
        </button>
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
      {note !== '' && <p class="note">{note}</p>}
      {/* It scrolls, so it must be reachable by keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above. */}
      <pre tabIndex={0}>{asText ? textOf(shown) : hexDump(shown, 0)}</pre>
    </div>
  );
}

/** Whether nearly all of it can be read. */
function isText(bytes: Uint8Array): boolean {
  const some = bytes.subarray(0, 4096);
  const strange = some.filter((byte) => byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13).length;
  return strange <= some.length / 8;
}

/** As UTF-8, where control characters but for line breaks and tabs are seen as pictures. */
const textOf = (bytes: Uint8Array): string =>
  new TextDecoder()
    .decode(bytes)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for.
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f]/g, (it) => String.fromCharCode(0x2400 + it.charCodeAt(0)));
