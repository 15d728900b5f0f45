/**
 * Shows a file without running anything of it: a picture as an image, anything else as the text that it is. The server sends
 * either with a type that no browser runs, and in a sandbox.
 */
import { useEffect, useState } from 'preact/hooks';
import { Dialog } from '../shell/dialog.tsx';
import { bytes, wordsOf } from '../shell/words.ts';
import { addressOf, type Entry } from './entry.ts';

const PICTURE = /\.(png|jpe?g|gif|webp|avif)$/i;
/** The part of a text that is shown. */
const TEXT_BYTES_MAX = 256 * 1024;

type FileEntry = Extract<Entry, { type: 'file' }>;

type Shown =
  | { readonly is: 'asking' }
  | { readonly is: 'text'; readonly text: string; readonly isCut: boolean }
  | { readonly is: 'binary' }
  | { readonly is: 'fault'; readonly why: string };

export function Preview({ entry, onClose }: { readonly entry: FileEntry; readonly onClose: () => void }) {
  const isPicture = PICTURE.test(entry.name);
  return (
    <Dialog title={entry.name} class="preview" onClose={onClose}>
      {isPicture ? <img src={`${addressOf(entry.path)}?inline`} alt={entry.name} /> : <Text entry={entry} />}
      <p class="dialog-buttons">
        <a class="button" href={addressOf(entry.path)} download={entry.name}>
          Download ({bytes(entry.size)})
        </a>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </p>
    </Dialog>
  );
}

function Text({ entry }: { readonly entry: FileEntry }) {
  const [shown, setShown] = useState<Shown>({ is: 'asking' });
  useEffect(() => {
    const leaving = new AbortController();
    textOf(entry, leaving.signal).then(setShown, (error: unknown) => {
      if (!leaving.signal.aborted) setShown({ is: 'fault', why: wordsOf(error) });
    });
    return () => leaving.abort();
  }, [entry]);
  switch (shown.is) {
    case 'asking':
      return <p class="hint">Asking the server…</p>;
    case 'fault':
      return (
        <p class="fault" role="alert">
          {shown.why}
        </p>
      );
    case 'binary':
      return <p class="hint">It is neither a picture nor a text.</p>;
    case 'text':
      return (
        <>
          {/* A box that scrolls must be reachable by keyboard. */}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above. */}
          {shown.text === '' ? <p class="hint">It is empty.</p> : <pre tabIndex={0}>{shown.text}</pre>}
          {shown.isCut && <p class="hint">Only its first {bytes(TEXT_BYTES_MAX)} are shown.</p>}
        </>
      );
  }
}

async function textOf({ path, size }: FileEntry, signal: AbortSignal): Promise<Shown> {
  if (size === 0) return { is: 'text', text: '', isCut: false };
  const answer = await fetch(addressOf(path), {
    signal,
    headers: { range: `bytes=0-${TEXT_BYTES_MAX - 1}` },
  });
  if (!answer.ok) throw new Error(`The server does not send it: ${answer.status} ${answer.statusText}`);
  const content = new Uint8Array(await answer.arrayBuffer());
  if (content.includes(0)) return { is: 'binary' };
  // What is cut in the middle of a character is no fault of the text.
  const text = new TextDecoder().decode(content);
  return { is: 'text', text, isCut: content.length < size };
}
