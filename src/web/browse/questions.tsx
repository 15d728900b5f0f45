/** What is asked before files are changed. */
import { useState } from 'preact/hooks';
import { explainBadFilename } from '../../files/protocol/filename.ts';
import { Dialog } from '../shell/dialog.tsx';
import { count } from '../shell/words.ts';
import type { Entry } from './entry.ts';

export interface QuestionProps {
  /** Whether the server was asked, and has not answered. */
  readonly isBusy: boolean;
  /** Why it was not done; null when it was not refused. */
  readonly refusal: string | null;
  readonly onClose: () => void;
}

/** What is chosen, in words: its name, or how much it is. */
export const chosenWords = (entries: readonly Entry[]): string =>
  entries.length === 1 ? `“${entries[0]!.name}”` : `${count(entries.length)} entries`;

/** Names that are said before more are only counted. */
const NAMES_MAX = 5;

export interface RemoveProps extends QuestionProps {
  readonly entries: readonly Entry[];
  readonly onRemove: () => void;
}

export function RemoveQuestion({ entries, isBusy, refusal, onRemove, onClose }: RemoveProps) {
  const hasFolders = entries.some(({ type }) => type === 'folder');
  const more = entries.length - NAMES_MAX;
  return (
    <Dialog title={`Delete ${chosenWords(entries)}?`} onClose={onClose}>
      {entries.length > 1 && (
        <ul class="names">
          {entries.slice(0, NAMES_MAX).map(({ path, name }) => (
            <li key={path}>{name}</li>
          ))}
          {more > 0 && <li>and {count(more)} more</li>}
        </ul>
      )}
      <p>{hasFolders ? 'All files below these folders are deleted, too. ' : ''}It cannot be undone.</p>
      <Refusal why={refusal} />
      <p class="dialog-buttons">
        <button type="button" onClick={onClose}>
          Keep
        </button>
        <button type="button" class="danger" disabled={isBusy} onClick={onRemove}>
          Delete
        </button>
      </p>
    </Dialog>
  );
}

export interface PathProps extends QuestionProps {
  readonly title: string;
  readonly label: string;
  readonly button: string;
  /** The folder that what is typed is in: empty, or it ends in `/`. */
  readonly within: string;
  /** What stands in the field at first. */
  readonly path: string;
  /** Whether the path is that of a folder: it may then end in `/`. */
  readonly isFolder: boolean;
  /** Called with the whole path: that of a folder ends in `/`, or is empty for the top. */
  readonly onPath: (path: string) => void;
}

/** Asks for a path, and says at once what the server would refuse. */
export function PathQuestion(props: PathProps) {
  const { title, label, button, within, path, isFolder, isBusy, refusal, onPath, onClose } = props;
  const [text, setText] = useState(path);
  const [asked, setAsked] = useState<string | null>(null);
  const whole = within + text;
  const wanted = isFolder && whole !== '' && !whole.endsWith('/') ? `${whole}/` : whole;
  const bare = isFolder ? wanted.slice(0, -1) : wanted;
  const fault = isFolder && bare === '' ? null : explainBadFilename(bare);
  const isSame = wanted === within + path;
  const submit = (event: Event): void => {
    event.preventDefault();
    if (fault !== null || isSame || isBusy) return;
    setAsked(text);
    onPath(wanted);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit} class="path-question">
        <label for="path">{label}</label>
        <input
          id="path"
          autoFocus
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          aria-invalid={fault !== null}
          aria-describedby="path-within path-fault"
        />
        <p id="path-within" class="hint">
          {within === '' ? '' : `In the folder ${within}`}
        </p>
        <p id="path-fault" class="fault">
          {text === '' && !isFolder ? '' : (fault ?? '')}
        </p>
        <Refusal why={text === asked ? refusal : null} />
        <p class="dialog-buttons">
          <button type="submit" class="primary" disabled={fault !== null || isSame || isBusy}>
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

function Refusal({ why }: { readonly why: string | null }) {
  return why === null ? null : (
    <p class="fault" role="alert">
      {why}
    </p>
  );
}
