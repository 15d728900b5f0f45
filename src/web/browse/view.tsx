/** The files of the server: a folder at a time, and what may be done with them. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { filter, finalize, type Observable, takeUntil } from 'rxjs';
import { may, type Page } from '../shell/page.ts';
import { hashOf } from '../shell/route-text.ts';
import { isOther } from '../shell/session.ts';
import { useObservable } from '../shell/use-observable.ts';
import { count } from '../shell/words.ts';
import { move, type Outcome, remove, rename, wordsOf } from './changes.ts';
import { downloadAll } from './download.ts';
import { type Entry, folderOf, found, type Order, sorted, waysTo } from './entry.ts';
import { Grid } from './grid.tsx';
import { type Browsed, browsed$, nothing, searched$ } from './model.ts';
import { Preview } from './preview.tsx';
import { chosenWords, PathQuestion, RemoveQuestion } from './questions.tsx';
import { among, nobody, type Selection } from './selection.ts';
import { canRename, Toolbar } from './toolbar.tsx';

type Asked =
  | { readonly is: 'preview'; readonly entry: Extract<Entry, { type: 'file' }> }
  /** Of what was chosen then: the list may change meanwhile. */
  | { readonly is: 'remove' | 'move' | 'folder'; readonly entries: readonly Entry[] }
  | { readonly is: 'rename'; readonly entry: Entry };

const REFUSALS_SHOWN = 3;

export function BrowseView({ page }: { readonly page: Page }) {
  const shown$ = useMemo(() => browsed$(page), [page]);
  const inFolder = useObservable<Browsed>(shown$, nothing(''));
  const { folder } = inFolder;
  const [order, setOrder] = useState<Order>({ by: 'name', isDescending: false });
  const [text, setText] = useState('');
  const [search, setSearch] = useState<Browsed | null>(null);
  const [wanted, setWanted] = useState<string | null>(null);
  const [selection, setSelection] = useState<Selection>(nobody);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [isBusy, setBusy] = useState(false);
  /** How often something was changed here: what was found is looked for again then. */
  const [changes, setChanges] = useState(0);
  const searchBox = useRef<HTMLInputElement>(null);

  useEffect(() => {
    setText('');
    setWanted(null);
    setSelection(nobody);
    setAsked(null);
  }, [folder]);
  useEffect(() => {
    setSearch(null);
    if (wanted === null) return;
    const searching = searched$(page, folder, wanted).subscribe(setSearch);
    return () => searching.unsubscribe();
  }, [wanted, folder, page, changes]);

  const browsed = wanted === null ? inFolder : (search ?? nothing(folder));
  const entries = useMemo(
    () => sorted(wanted === null ? found(browsed.entries, text) : named(browsed.entries, folder), order),
    [browsed.entries, text, order, wanted],
  );
  const chosen = useMemo(() => {
    const there = among(selection, entries);
    const one = entries.find(({ path }) => path === there.cursor);
    const many = entries.filter(({ path }) => there.chosen.has(path));
    return many.length > 0 || one === undefined ? many : [one];
  }, [selection, entries]);

  /** Does it, tells what came of it, and has the folder asked for again. */
  const change = (words: string, changing: Observable<Outcome>): void => {
    setAsked(null);
    setBusy(true);
    const other$ = page.sessions.state$.pipe(filter((state) => isOther(state, page.session?.name ?? '')));
    // What one has begun must not go on in the name of another.
    const over = (): void => {
      setBusy(false);
      setSelection(nobody);
      setChanges((before) => before + 1);
      page.changed$.next();
    };
    changing.pipe(takeUntil(other$), finalize(over)).subscribe({
      next: (outcome) => page.say(toldOf(words, outcome)),
      error: (error: unknown) => page.say(wordsOf(error)),
    });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const isTyping = event.target instanceof HTMLInputElement && event.target.type !== 'checkbox';
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping || asked !== null) return;
    const act = {
      Delete: may(page, 'delete') && chosen.length > 0 && (() => setAsked({ is: 'remove', entries: chosen })),
      F2: canRename(page) && chosen.length === 1 && (() => setAsked({ is: 'rename', entry: chosen[0]! })),
      Backspace: folder !== '' && (() => page.goTo(folderOf(folder))),
      '/': () => searchBox.current?.focus(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  const close = (): void => setAsked(null);

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are short ways to what has buttons.
    <div class="browse" onKeyDown={onKeyDown}>
      <Ways folder={folder} />
      <Toolbar
        page={page}
        chosen={chosen}
        isBusy={isBusy}
        text={text}
        isSearching={wanted !== null}
        searchBox={searchBox}
        onText={(typed) => {
          setText(typed);
          setWanted(null);
        }}
        onSearch={() => setWanted(text.trim() === '' ? null : text)}
        onDownload={() => downloadAll(chosen).subscribe()}
        onAsk={(what) =>
          setAsked(what === 'rename' ? { is: what, entry: chosen[0]! } : { is: what, entries: chosen })
        }
      />
      <Told
        browsed={browsed}
        shown={entries.length}
        isFound={text.trim() !== ''}
        onAgain={() => page.changed$.next()}
      />
      <Grid
        entries={entries}
        order={order}
        selection={selection}
        onOrder={setOrder}
        onSelection={setSelection}
        onOpen={(entry) => entry.type === 'file' && setAsked({ is: 'preview', entry })}
      />
      {asked?.is === 'preview' && <Preview entry={asked.entry} onClose={close} />}
      {asked?.is === 'remove' && (
        <RemoveQuestion
          entries={asked.entries}
          onClose={close}
          onRemove={() => change('Deleted', remove(page.requests, asked.entries))}
        />
      )}
      {asked?.is === 'move' && (
        <PathQuestion
          title={`Move ${chosenWords(asked.entries)}`}
          label="To the folder"
          button="Move"
          path={folder}
          isFolder
          onClose={close}
          onPath={(to) => change('Moved', move(page.requests, asked.entries, to))}
        />
      )}
      {asked?.is === 'folder' && (
        <PathQuestion
          title="New folder"
          label="The path of the folder, which is there once a file is in it"
          button="Go there"
          path={folder}
          isFolder
          onClose={close}
          onPath={(to) => {
            close();
            page.goTo(to);
          }}
        />
      )}
      {asked?.is === 'rename' && (
        <PathQuestion
          title={`Rename “${asked.entry.name}”`}
          label="New name, with its folders"
          button="Rename"
          path={asked.entry.path}
          isFolder={asked.entry.type === 'folder'}
          onClose={close}
          onPath={(to) => change('Renamed', rename(page.requests, asked.entry, to))}
        />
      )}
    </div>
  );
}

/** What a search has found is shown by its path below the folder. */
const named = (entries: readonly Entry[], folder: string): readonly Entry[] =>
  entries.map((entry) => ({ ...entry, name: entry.path.slice(folder.length) }));

function toldOf(words: string, { done, refused, reasons }: Outcome): string {
  if (refused === 0) return `${words}: ${count(done)}`;
  const some = reasons.slice(0, REFUSALS_SHOWN).map(({ path, why }) => `${path}: ${why}`);
  return [`${words}: ${count(done)}; refused: ${count(refused)}.`, ...some].join(' ');
}

function Ways({ folder }: { readonly folder: string }) {
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

interface ToldProps {
  readonly browsed: Browsed;
  readonly shown: number;
  readonly isFound: boolean;
  readonly onAgain: () => void;
}

/** How much there is, or why it is not known. */
function Told({ browsed, shown, isFound, onAgain }: ToldProps) {
  if (browsed.fault !== null)
    return (
      <p class="told fault" role="alert">
        {browsed.fault}{' '}
        <button type="button" onClick={onAgain}>
          Try again
        </button>
      </p>
    );
  const files = `${count(shown)} ${shown === 1 ? 'entry' : 'entries'}`;
  const more = browsed.isCut ? ': there are more, which are not shown' : '';
  const told = browsed.isWhole ? `${files}${more}` : `${files} so far…`;
  return (
    <p class="told hint" role="status">
      {browsed.isWhole && shown === 0
        ? isFound
          ? 'Nothing here is called that.'
          : 'Nothing is here yet.'
        : told}
    </p>
  );
}
