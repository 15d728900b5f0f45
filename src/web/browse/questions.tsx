/** What is asked before files are changed. */
import { useState } from 'preact/hooks';
import { explainBadFilename } from '../../files/protocol/filename.ts';
import { Dialog } from '../shell/dialog.tsx';
import { count } from '../shell/words.ts';
import type { Entry } from './entry.ts';

export interface QuestionProps {
  readonly onClose: () => void;
}

/** What is chosen, in words: its name, or how much it is. */
export const chosenWords = (entries: readonly Entry[]): string =>
  entries.length === 1 ? `“${entries[0]!.name}”` : `${count(entries.length)} entries`;

export interface RemoveProps extends QuestionProps {
  readonly entries: readonly Entry[];
  readonly onRemove: () => void;
}

export function RemoveQuestion({ entries, onRemove, onClose }: RemoveProps) {
  const hasFolders = entries.some(({ type }) => type === 'folder');
  return (
    <Dialog title={`Delete ${chosenWords(entries)}?`} onClose={onClose}>
      <p>{hasFolders ? 'All files below these folders are deleted, too. ' : ''}It cannot be undone.</p>
      <p class="dialog-buttons">
        <button type="button" class="danger" onClick={onRemove}>
          Delete
        </button>
        <button type="button" onClick={onClose}>
          Keep
        </button>
      </p>
    </Dialog>
  );
}

export interface PathProps extends QuestionProps {
  readonly title: string;
  readonly label: string;
  readonly button: string;
  readonly path: string;
  /** Whether the path is that of a folder: it may then end in `/`, or be empty for the top. */
  readonly isFolder: boolean;
  readonly onPath: (path: string) => void;
}

/** Asks for a path, and says at once what the server would refuse. */
export function PathQuestion({ title, label, button, path, isFolder, onPath, onClose }: PathProps) {
  const [text, setText] = useState(path);
  const wanted = isFolder && text !== '' && !text.endsWith('/') ? `${text}/` : text;
  const bare = isFolder ? wanted.slice(0, -1) : wanted;
  const fault = isFolder && bare === '' ? null : explainBadFilename(bare);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (fault === null) onPath(wanted);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit} class="path-question">
        <label for="path">{label}</label>
        <input
          id="path"
          autoFocus
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          aria-invalid={fault !== null}
          aria-describedby="path-fault"
        />
        <p id="path-fault" class="fault">
          {fault ?? ''}
        </p>
        <p class="dialog-buttons">
          <button type="submit" class="primary" disabled={fault !== null || wanted === path}>
            {button}
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  );
}
