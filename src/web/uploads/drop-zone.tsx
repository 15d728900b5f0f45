/** The whole page takes files: it says so while some are held above it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { entriesOfDrop, filesOfEntries, type Portion } from './picked-files.ts';

interface DropZoneProps {
  /** The folder that files go to. */
  readonly folder: string;
  readonly mayWrite: boolean;
  readonly onDrop: (portions: AsyncGenerator<Portion>) => void;
}

const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;

export function DropZone({ folder, mayWrite, onDrop }: DropZoneProps) {
  const [isOver, setOver] = useState(false);
  const latest = useRef(onDrop);
  latest.current = onDrop;
  useEffect(() => {
    const listening = new AbortController();
    const on = (type: 'dragover' | 'dragleave' | 'drop', act: (event: DragEvent) => void): void =>
      addEventListener(
        type,
        (event) => {
          if (hasFiles(event)) act(event);
        },
        { signal: listening.signal },
      );
    on('dragover', (event) => {
      event.preventDefault();
      event.dataTransfer!.dropEffect = 'copy';
      setOver(true);
    });
    on('dragleave', (event) => {
      // The pointer has left the window, rather than one element for another.
      if (event.relatedTarget === null) setOver(false);
    });
    on('drop', (event) => {
      event.preventDefault();
      setOver(false);
      latest.current(filesOfEntries(entriesOfDrop(event.dataTransfer!)));
    });
    return () => listening.abort();
  }, []);
  if (!isOver) return null;
  return (
    <div class="drop-zone" aria-hidden="true">
      <p>
        {mayWrite ? (
          <>
            Drop to upload to <strong>{folder === '' ? 'the top folder' : folder}</strong>
          </>
        ) : (
          'Your token has no right to write here'
        )}
      </p>
    </div>
  );
}
