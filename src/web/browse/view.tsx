/** The files of the server: a folder at a time, and what may be done with them. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { filter, finalize, type Observable, takeUntil } from 'rxjs';
import { may, type Page } from '../shell/page.ts';
import { isOther } from '../shell/session.ts';
import { useObservable } from '../shell/use-observable.ts';
import { count, wordsOf } from '../shell/words.ts';
import { move, type Outcome, remove, rename } from './changes.ts';
import { downloadAll } from './download.ts';
import { type Entry, folderOf, found, type Order, sorted } from './entry.ts';
import { Grid } from './grid.tsx';
import { focusTable, useKeptFocus } from './kept-focus.ts';
import { type Browsed, browsed$, nothing, searched$ } from './model.ts';
import { Preview } from './preview.tsx';
import { chosenWords, PathQuestion, RemoveQuestion } from './questions.tsx';
import { among, nobody, type Selection } from './selection.ts';
import { Told, Ways } from './told.tsx';
import { canRename, Toolbar } from './toolbar.tsx';

type Asked =
  | { readonly is: 'preview'; readonly entry: Extract<Entry, { type: 'file' }> }
  /** Of what was chosen then: the list may change meanwhile. */
  | { readonly is: 'remove' | 'move' | 'folder'; readonly entries: readonly Entry[] }
  | { readonly is: 'rename'; readonly entry: Entry };

const REFUSALS_SHOWN = 3;

export function BrowseView({ page }: { readonly page: Page }) {
  if (may(page, 'read')) return <FolderView page={page} />;
  return <p class="browse hint">This token lets you upload files, and not see them.</p>;
}

function FolderView({ page }: { readonly page: Page }) {
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
  /** Why what was asked for was not done. */
  const [refusal, setRefusal] = useState<string | null>(null);
  const box = useRef<HTMLDivElement>(null);
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
    return entries.filter(({ path }) => there.chosen.has(path));
  }, [selection, entries]);

  /** Does it, tells what came of it, and has the folder asked for again. */
  const change = (words: string, changing: Observable<Outcome>): void => {
    setBusy(true);
    setRefusal(null);
    const other$ = page.sessions.state$.pipe(filter((state) => isOther(state, page.session?.name ?? '')));
    // What one has begun must not go on in the name of another.
    const over = (): void => {
      setBusy(false);
      setChanges((before) => before + 1);
      page.changed$.next();
    };
    changing.pipe(takeUntil(other$), finalize(over)).subscribe({
      next: (outcome) => {
        // What was typed is not lost when it is refused.
        if (outcome.done === 0 && outcome.refused === 1) return setRefusal(outcome.reasons[0]!.why);
        setAsked(null);
        page.say(toldOf(words, outcome));
      },
      error: (error: unknown) => setRefusal(wordsOf(error)),
    });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const { target } = event;
    const isTyping = target instanceof HTMLInputElement && target.type !== 'checkbox';
    const isMeant = target === document.body || (target instanceof Node && box.current?.contains(target));
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping || !isMeant || asked !== null) return;
    // Where nothing is chosen, a key is meant for the row that has the keyboard.
    const row = target instanceof Element ? target.closest<HTMLElement>('.entry')?.dataset.path : undefined;
    const meant = chosen.length > 0 ? chosen : entries.filter(({ path }) => path === row);
    const act = {
      Delete: may(page, 'delete') && meant.length > 0 && (() => setAsked({ is: 'remove', entries: meant })),
      F2: canRename(page) && meant.length === 1 && (() => setAsked({ is: 'rename', entry: meant[0]! })),
      ArrowDown: target === document.body && (() => focusTable(box.current)),
      Backspace: folder !== '' && (() => page.goTo(folderOf(folder))),
      '/': () => searchBox.current?.focus(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  const listened = useRef(onKeyDown);
  listened.current = onKeyDown;
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => listened.current(event);
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);
  const keptFocus = useKeptFocus(box, [entries, asked]);
  const close = (): void => {
    setAsked(null);
    setRefusal(null);
  };

  return (
    <div ref={box} class="browse" {...keptFocus}>
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
        chosen={chosen.length}
        isFound={text.trim() !== ''}
        isSearch={wanted !== null}
        mayDrop={may(page, 'write')}
        onAgain={() => page.changed$.next()}
      />
      <Grid
        entries={entries}
        order={order}
        selection={selection}
        chosen={chosen.length}
        onOrder={setOrder}
        onSelection={setSelection}
        onOpen={(entry) => entry.type === 'file' && setAsked({ is: 'preview', entry })}
      />
      {asked?.is === 'preview' && <Preview entry={asked.entry} onClose={close} />}
      {asked?.is === 'remove' && (
        <RemoveQuestion
          entries={asked.entries}
          isBusy={isBusy}
          refusal={refusal}
          onClose={close}
          onRemove={() => change('Deleted', remove(page.requests, asked.entries))}
        />
      )}
      {asked?.is === 'move' && (
        <PathQuestion
          title={`Move ${chosenWords(asked.entries)}`}
          label="To the folder; empty for the top"
          button="Move"
          within=""
          path={folder}
          isFolder
          isBusy={isBusy}
          refusal={refusal}
          onClose={close}
          onPath={(to) => change('Moved', move(page.requests, asked.entries, to))}
        />
      )}
      {asked?.is === 'folder' && (
        <PathQuestion
          title="New folder"
          label="Name of the folder, which is there once a file is in it"
          button="Go there"
          within={folder}
          path=""
          isFolder
          isBusy={false}
          refusal={null}
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
          label="New name"
          button="Rename"
          within={folderOf(asked.entry.path)}
          path={asked.entry.path.slice(folderOf(asked.entry.path).length)}
          isBusy={isBusy}
          refusal={refusal}
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
