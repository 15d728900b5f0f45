/** Carries out what the list of files wants done: it sends, stops, remembers and forgets. */
import {
  asyncScheduler,
  BehaviorSubject,
  merge,
  type Observable,
  type SchedulerLike,
  Subscription,
} from 'rxjs';
import { describeFault } from '../../client/client-fault.ts';
import type { Claims } from './claims.ts';
import { type Entry, isOver, type Source } from './entry.ts';
import { nameIn } from './names.ts';
import type { PickedFile } from './picked-files.ts';
import { reduce } from './queue.ts';
import { type Effect, EMPTY, type Moved, placeOf, type QueueEvent, type QueueState } from './queue-state.ts';
import { dropUpload, type FileEvent, type SendDeps, sendFile } from './send-file.ts';

export interface UploadListDeps extends SendDeps {
  readonly claims: Claims;
  readonly scheduler?: SchedulerLike;
}

export interface UploadList {
  readonly state$: Observable<QueueState>;
  readonly state: () => QueueState;
  /** @param folder where they go; ends with a slash, or is empty. */
  readonly add: (folder: string, files: readonly PickedFile[], verify: boolean) => void;
  readonly dispatch: (event: QueueEvent) => void;
  /** Stops everything that is under way. What is unfinished stays remembered. */
  readonly end: () => void;
}

/** Milliseconds between two looks at how far the files are, and between two writes of what is remembered. */
const BETWEEN_MS = 100;

/** Milliseconds without progress after which a rate says nothing any more. */
const STALLED_MS = 3_000;

interface ListState {
  readonly deps: UploadListDeps;
  readonly state$: BehaviorSubject<QueueState>;
  /** The files that can be read, by their entries: the browser holds no byte of them. */
  readonly files: Map<number, File>;
  readonly running: Map<number, Subscription>;
  readonly all: Subscription;
  /** Events that came while one was carried out. */
  readonly events: QueueEvent[];
  isBusy: boolean;
  /** How far entries are, since the last look. */
  readonly moved: Map<number, Moved>;
  /** When they last got further. */
  readonly movedAt: Map<number, number>;
  readonly toRemember: Set<number>;
  toForget: Source[];
  timer: Subscription | null;
  writing: Promise<void>;
  /** The files of the `added` event that is carried out. */
  adding: readonly PickedFile[];
}

export function createUploadList(deps: UploadListDeps): UploadList {
  const list: ListState = {
    deps,
    state$: new BehaviorSubject(EMPTY),
    files: new Map(),
    running: new Map(),
    all: new Subscription(),
    events: [],
    isBusy: false,
    moved: new Map(),
    movedAt: new Map(),
    toRemember: new Set(),
    toForget: [],
    timer: null,
    writing: Promise.resolve(),
    adding: [],
  };
  list.all.add(
    merge(deps.small.retries$, deps.large.retries$).subscribe(({ fault }) =>
      dispatch(list, { type: 'trouble', why: describeFault(fault) }),
    ),
  );
  return {
    state$: list.state$.asObservable(),
    state: () => list.state$.value,
    add: (folder, files, verify) => add(list, folder, files, verify),
    dispatch: (event) => dispatch(list, event),
    end: () => {
      for (const sending of list.running.values()) sending.unsubscribe();
      list.running.clear();
      list.all.unsubscribe();
      list.timer?.unsubscribe();
      list.state$.complete();
    },
  };
}

function add(list: ListState, folder: string, files: readonly PickedFile[], verify: boolean): void {
  const added = files.map(({ path, file }) => ({
    source: nameIn(folder, path),
    size: file.size,
    modified: file.lastModified,
    verify,
  }));
  list.adding = files;
  dispatch(list, { type: 'added', files: added });
  list.adding = [];
}

function dispatch(list: ListState, event: QueueEvent): void {
  list.events.push(event);
  if (list.isBusy) return;
  list.isBusy = true;
  for (let next = list.events.shift(); next !== undefined; next = list.events.shift()) {
    const { state, effects } = reduce(list.state$.value, next);
    list.state$.next(state);
    for (const effect of effects) perform(list, effect);
  }
  list.isBusy = false;
}

function perform(list: ListState, effect: Effect): void {
  const { deps, files, running } = list;
  switch (effect.type) {
    case 'keep':
      files.set(effect.id, list.adding[effect.index]!.file);
      return;
    case 'release':
      files.delete(effect.id);
      return;
    case 'send':
      return send(list, effect.entry);
    case 'halt':
      running.get(effect.id)?.unsubscribe();
      running.delete(effect.id);
      list.movedAt.delete(effect.id);
      return;
    case 'drop':
      forget(list, effect);
      if (effect.ends !== null) list.all.add(dropUpload(deps.small, effect, effect.ends).subscribe());
      return;
    case 'forget':
      return forget(list, effect);
    case 'remember':
      for (const id of effect.ids) list.toRemember.add(id);
      return lookSoon(list);
  }
}

function forget(list: ListState, { source, size, modified }: Source): void {
  list.toForget.push({ source, size, modified });
  lookSoon(list);
}

function send(list: ListState, entry: Entry): void {
  const file = list.files.get(entry.id);
  if (file === undefined) return;
  const { id } = entry;
  list.running.get(id)?.unsubscribe();
  const sending = new Subscription();
  list.running.set(id, sending);
  sending.add(
    sendFile(list.deps, entry, file).subscribe({
      next: (event) => onFileEvent(list, event),
      complete: () => {
        if (list.running.get(id) === sending) list.running.delete(id);
      },
    }),
  );
}

function onFileEvent(list: ListState, event: FileEvent): void {
  if (event.type === 'moved') {
    list.moved.set(event.id, event);
    return lookSoon(list);
  }
  list.moved.delete(event.id);
  list.movedAt.delete(event.id);
  dispatch(list, event);
}

/** Progress comes with each piece of each file. It is shown, and what has changed is written, a few times a second. */
function lookSoon(list: ListState): void {
  if (list.timer !== null) return;
  const { scheduler = asyncScheduler } = list.deps;
  list.timer = scheduler.schedule(() => {
    list.timer = null;
    const now = scheduler.now();
    const moved = [...list.moved.values()];
    for (const { id } of moved) list.movedAt.set(id, now);
    list.moved.clear();
    if (moved.length > 0) dispatch(list, { type: 'progress', entries: moved });
    const stalled = [...list.movedAt].filter(([, at]) => now - at > STALLED_MS).map(([id]) => id);
    for (const id of stalled) list.movedAt.delete(id);
    if (stalled.length > 0) dispatch(list, { type: 'stalled', ids: stalled });
    if (list.movedAt.size > 0) lookSoon(list);
    // One after the other: what is forgotten now must not be written after that.
    list.writing = list.writing.then(() => writeRecords(list));
  }, BETWEEN_MS);
}

async function writeRecords(list: ListState): Promise<void> {
  const { records } = list.deps;
  const forgotten = list.toForget;
  const remembered = [...list.toRemember];
  list.toForget = [];
  list.toRemember.clear();
  try {
    // In this order: what was forgotten under one name may be begun anew under the same.
    if (forgotten.length > 0) await records.remove(forgotten);
    // Looked at now: what has been stored meanwhile is not to be written again.
    const open = remembered.flatMap((id) => entryOf(list, id) ?? []).filter((entry) => !isOver(entry));
    if (open.length > 0)
      await records.put(
        open.map(({ source, size, modified, name, ends, verify, onExists, copy, durable, status }) => ({
          ...{ source, size, modified, name, ends },
          ...{ verify, onExists, copy },
          durable,
          isUndecided: status === 'asking' && durable === 0,
        })),
      );
  } catch {
    // The browser has no room for it: the uploads go on, and do not outlive the page.
  }
}

function entryOf(list: ListState, id: number): Entry | undefined {
  const { entries } = list.state$.value;
  return entries[placeOf(entries, id)];
}
