/** Where the reader is, and how much there is. */
import { hashOf } from '../shell/route-text.ts';
import { count } from '../shell/words.ts';
import { waysTo } from './entry.ts';
import type { Browsed } from './model.ts';

export function Ways({ folder }: { readonly folder: string }) {
  return (
    <nav class="ways" aria-label="Folders on the way">
      <ol>
        {[{ path: '', name: 'All files' }, ...waysTo(folder)].map(({ path, name }) => (
          <li key={path}>
            <a
              href={hashOf({ view: 'files', place: path })}
              aria-current={path === folder ? 'location' : undefined}
            >
              {name}
            </a>
          </li>
        ))}
      </ol>
    </nav>
  );
}

export interface ToldProps {
  readonly browsed: Browsed;
  readonly shown: number;
  readonly chosen: number;
  readonly isFound: boolean;
  /** Whether it was looked for below, too. */
  readonly isSearch: boolean;
  readonly mayDrop: boolean;
  readonly onAgain: () => void;
}

/** How much there is, or why it is not known. */
export function Told(props: ToldProps) {
  const { browsed, shown, chosen, isFound, isSearch, mayDrop, onAgain } = props;
  if (browsed.fault !== null)
    return (
      <p class="told fault" role="alert">
        {browsed.fault}{' '}
        <button type="button" onClick={onAgain}>
          Try again
        </button>
      </p>
    );
  const files = `${count(shown)} ${shown === 1 ? 'entry' : 'entries'}${isSearch ? ', here and below' : ''}`;
  const more = browsed.isCut ? ': there are more, which are not shown' : '';
  const told = browsed.isWhole ? `${files}${more}` : `${files} so far…`;
  const isEmpty = browsed.isWhole && shown === 0;
  const none = isFound
    ? `Nothing ${isSearch ? 'here or below' : 'here'} is called that.`
    : 'Nothing is here yet.';
  return (
    <p class="told hint" role="status">
      {isEmpty ? none : told}
      {chosen > 0 && `, ${count(chosen)} chosen`}
      {isEmpty && !isFound && mayDrop && ' Drop files anywhere to upload them.'}
    </p>
  );
}
