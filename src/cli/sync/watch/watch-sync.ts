/**
 * `sync --watch`: rounds of a sync, each after changes have settled.
 *
 *   round              next round
 *   went well          at the next change
 *   a file failed      at the next change, or after a minute
 *   server away        after a second, then twice that, up to half a minute; without a limit
 *   the watch is blind every ten seconds
 *   the folder is gone once it is there again, looked for every second
 *
 * What the server has is listed in the first round, and again after a round in which anything has failed. Otherwise it is
 * what the last round has made of it: a change then costs a look at the folder, and not pages of a listing.
 */
import { statSync } from 'node:fs';
import {
  BehaviorSubject,
  distinctUntilChanged,
  filter,
  firstValueFrom,
  type Observable,
  ReplaySubject,
  race,
  share,
  switchMap,
  timer,
} from 'rxjs';
import { isExitError } from '../../shared/exit-error.ts';
import { exitStatus } from '../../shared/exit-status.ts';
import { printable } from '../../shared/format.ts';
import { byTime, compareTrees } from '../compare.ts';
import { carryOut, compareSides } from '../run-sync.ts';
import type { SyncFile, SyncRun } from '../sync-run.ts';
import { listLocal, listRemote, prefixOf, type Tree } from '../trees.ts';
import { folderChanges } from './folder-changes.ts';
import { settled } from './settled.ts';
import { createSkippedThings, type SkippedThings } from './skipped.ts';

const SETTLING = { quiet: 500, most: 5000 };
const FAILED_AGAIN_MS = 60_000;
const BLIND_MS = 10_000;
const AWAY_MS_FIRST = 1000;
const AWAY_MS_MOST = 30_000;

/** Runs a round: connects, does what is to be done, and hangs up. */
export type Round = <T>(work: (run: SyncRun) => Promise<T>) => Promise<T>;

export interface WatchDeps {
  readonly src: string;
  readonly filter: SyncRun['filter'];
  readonly round: Round;
  readonly say: (event: WatchEvent) => void;
  readonly settling?: typeof SETTLING;
}

export type WatchEvent =
  | { readonly event: 'watching'; readonly folder: string }
  | { readonly event: 'blind'; readonly why: string }
  | { readonly event: 'away'; readonly why: string }
  | { readonly event: 'back' }
  | { readonly event: 'gone'; readonly folder: string };

/** Never resolves. Rejects with an `ExitError` that another round would not change. */
export async function watchSync({
  src,
  filter: leftOut,
  round,
  say,
  settling = SETTLING,
}: WatchDeps): Promise<never> {
  // A folder that is removed and made anew has the same name, and none of the watches.
  const inode$ = new BehaviorSubject(inodeOf(src));
  const changes$ = inode$.pipe(
    distinctUntilChanged(),
    switchMap(() => folderChanges(src, leftOut)),
    share(),
  );
  let isBlind = false;
  const blind = changes$.pipe(filter(({ type }) => type === 'blind')).subscribe(({ why = '' }) => {
    if (!isBlind) say({ event: 'blind', why });
    isBlind = true;
  });
  /** One change at the most waits: of several, one round does them all. */
  let wanted = new ReplaySubject<void>(1);
  const heard = changes$.pipe(settled(settling)).subscribe(() => wanted.next());
  const skipped = createSkippedThings();
  let known: readonly SyncFile[] | null = null;
  let away = 0;
  let isFirst = true;
  try {
    for (;;) {
      wanted = new ReplaySubject<void>(1);
      if (!isFirst) inode$.next(await inodeOnceThere(src, say));
      let wait: number;
      try {
        const end = await round((run) => syncOnce(run, known, skipped, isFirst));
        if (isFirst) say({ event: 'watching', folder: src });
        if (away > 0) say({ event: 'back' });
        isFirst = false;
        away = 0;
        known = end.known;
        wait = end.known === null ? FAILED_AGAIN_MS : Number.POSITIVE_INFINITY;
      } catch (thrown) {
        if (!isExitError(thrown) || thrown.status !== exitStatus.connection || isFirst) throw thrown;
        if (away === 0) say({ event: 'away', why: thrown.said ?? 'the connection broke' });
        known = null;
        wait = Math.min(AWAY_MS_FIRST * 2 ** away++, AWAY_MS_MOST);
      }
      if (isBlind) wait = Math.min(wait, BLIND_MS);
      const until$: Observable<unknown>[] = away > 0 ? [] : [wanted];
      if (Number.isFinite(wait)) until$.push(timer(wait));
      await firstValueFrom(race(until$));
    }
  } finally {
    blind.unsubscribe();
    heard.unsubscribe();
  }
}

/** A number of an inode is soon given to another one: the time at which it was made tells them apart. */
function inodeOf(folder: string): string | null {
  const stats = statSync(folder, { throwIfNoEntry: false });
  return stats === undefined ? null : `${stats.ino} ${stats.birthtimeMs}`;
}

async function inodeOnceThere(folder: string, say: WatchDeps['say']): Promise<string> {
  for (let isSaid = false; ; isSaid = true) {
    const inode = inodeOf(folder);
    if (inode !== null) return inode;
    if (!isSaid) say({ event: 'gone', folder });
    await firstValueFrom(timer(AWAY_MS_FIRST));
  }
}

/** What the server has after a round; null if that must be asked. */
interface RoundEnd {
  readonly known: readonly SyncFile[] | null;
}

async function syncOnce(
  run: SyncRun,
  known: readonly SyncFile[] | null,
  skipped: SkippedThings,
  isFirst: boolean,
): Promise<RoundEnd> {
  const { flags, transferRun } = run;
  skipped.look();
  const local = await listLocal(run, skipped.isNew);
  const remote: Tree = known === null ? await listRemote(run) : { files: known, failed: [] };
  const plan =
    known === null
      ? await compareSides(run, local.files, remote.files)
      : await compareTrees(local.files, known, { why: 'time', content: byTime });
  const extra = flags.delete ? plan.extra : [];
  const failed = [...local.failed, ...(isFirst ? remote.failed : [])];
  const isTooMuch = extra.length > flags.maxDelete;
  if (isTooMuch) {
    const { output } = transferRun;
    output.error(
      `--delete would remove ${extra.length} files, and --max-delete is ${flags.maxDelete}: they stay`,
    );
  }
  const removed = isTooMuch ? [] : extra;
  const nothing = plan.transfers.length + removed.length + failed.length === 0;
  if (!nothing || isFirst) {
    try {
      const inTheWay = removed.length > 0 ? plan.inTheWay : [];
      await carryOut(run, { ...plan, extra: removed, inTheWay }, failed);
    } catch (thrown) {
      // It was said of each file.
      if (!isExitError(thrown) || thrown.status === exitStatus.connection) throw thrown;
      return { known: null };
    }
  }
  const gone = new Set(removed);
  const prefix = prefixOf(run.dest);
  const stored = local.files.map(({ transfer, ...file }) => ({
    ...file,
    transfer: { ...transfer, filename: prefix + file.name },
  }));
  return { known: [...stored, ...plan.extra.filter((file) => !gone.has(file))] };
}

export const inWords = (event: WatchEvent): string => {
  switch (event.event) {
    case 'watching':
      return `watching ${printable(event.folder)}; Ctrl-C ends it`;
    case 'blind':
      return `not all changes are heard of, so the folder is looked at every ${BLIND_MS / 1000} s: ${event.why}`;
    case 'away':
      return `${event.why}; what changes meanwhile is sent when the server is back`;
    case 'gone':
      return `${printable(event.folder)} is gone: nothing is done until it is there again`;
    case 'back':
      return 'the server is back';
  }
};
