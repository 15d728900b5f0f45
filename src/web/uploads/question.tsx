/** Asks, once, what to do about a file that the server has already. */
import { useState } from 'preact/hooks';
import { count } from '../shell/words.ts';
import type { Entry } from './entry.ts';
import { numberedName } from './names.ts';
import type { Answer, QueueEvent } from './queue-state.ts';

interface QuestionProps {
  readonly entries: readonly Entry[];
  readonly dispatch: (event: QueueEvent) => void;
}

const ANSWERS: readonly { readonly choice: Answer; readonly label: string }[] = [
  { choice: 'replace', label: 'Replace' },
  { choice: 'keep-both', label: 'Keep both' },
  { choice: 'skip', label: 'Skip' },
];

export function Question({ entries, dispatch }: QuestionProps) {
  const [isForAll, setForAll] = useState(false);
  const asking = entries.filter(({ status }) => status === 'asking');
  const [first] = asking;
  if (first === undefined) return null;
  const others = asking.length - 1;
  return (
    <fieldset class="question">
      <legend class="unseen">What to do about a file that exists</legend>
      <p>
        The server has <strong>{first.name}</strong> already
        {others > 0 && ` (and ${count(others)} more)`}. Keep both stores the new one as{' '}
        <em>{numberedName(first.source.slice(first.source.lastIndexOf('/') + 1), first.copy + 1)}</em>.
      </p>
      <div class="question-answers">
        {ANSWERS.map(({ choice, label }) => (
          <button
            key={choice}
            type="button"
            onClick={() => dispatch({ type: 'answered', id: first.id, choice, all: isForAll })}
          >
            {label}
          </button>
        ))}
        <label class="check">
          <input
            type="checkbox"
            checked={isForAll}
            onChange={(event) => setForAll(event.currentTarget.checked)}
          />
          For all
        </label>
      </div>
    </fieldset>
  );
}
