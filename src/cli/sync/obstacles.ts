/**
 * What keeps a file of the source from coming to DEST.
 *
 *   to this machine   a folder of it is a link below DEST     it is not fetched: it would be written outside DEST
 *                     a file, a folder or a device in the way said beforehand by --dry-run; a run fails at it
 *   to the server     its name is not allowed                 said beforehand by --dry-run; the server refuses it
 */
import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { systemWords } from '../../files/protocol/system-words.ts';
import { printable } from '../shared/format.ts';
import { checkReplaceable } from '../transfer/place-file.ts';
import type { Transfer, TransferFault } from '../transfer/report/report.ts';
import { badNameFault } from '../transfer/tally.ts';
import { foldersOf, type SyncPlan } from './compare.ts';
import type { SyncFile, SyncRun } from './sync-run.ts';
import { type Tree, transferOf } from './trees.ts';

type Transfers = SyncPlan<SyncFile, SyncFile>['transfers'];

/** Transfers that can be tried, and those that are known to fail. */
interface Split {
  readonly transfers: Transfers;
  readonly failed: Tree['failed'];
}

/** Why a file cannot come, if that is known. */
type Explain = (name: string, transfer: Transfer) => TransferFault | null;

/** @param goes what is removed of DEST before. */
export function splitUnsafe(transfers: Transfers, goes: readonly SyncFile[], run: SyncRun): Split {
  return run.isUpload ? { transfers, failed: [] } : split(transfers, run, explainLink(run.dest, goes));
}

/** The same with all failures that can be foreseen. */
export function splitForeseen(transfers: Transfers, goes: readonly SyncFile[], run: SyncRun): Split {
  if (run.isUpload) return split(transfers, run, (_, { filename }) => badNameFault(filename));
  const [isLinked, isTaken] = [explainLink(run.dest, goes), explainTaken(run.dest, goes)];
  return split(transfers, run, (name, transfer) => isLinked(name, transfer) ?? isTaken(name, transfer));
}

function split(transfers: Transfers, run: SyncRun, explain: Explain): Split {
  const failed: { what: Transfer; failure: TransferFault }[] = [];
  const rest = transfers.filter(({ file }) => {
    const what = transferOf(file, run);
    const failure = explain(file.name, what);
    if (failure !== null) failed.push({ what, failure });
    return failure === null;
  });
  return { transfers: rest, failed };
}

function explainLink(dest: string, goes: readonly SyncFile[]): Explain {
  const going = new Set(goes.map(({ name }) => name));
  const isLink = once((folder) => !going.has(folder) && look(join(dest, folder))?.isSymbolicLink() === true);
  return (name) => {
    const link = foldersOf(name).find(isLink);
    if (link === undefined) return null;
    const words = 'is a link, and nothing is written through it: put a folder in its place';
    return { message: `${printable(join(dest, link))} ${words}, or leave it out with --exclude` };
  };
}

function explainTaken(dest: string, goes: readonly SyncFile[]): Explain {
  const going = new Set(goes.map(({ name }) => name));
  const isTaken = once((folder) => !going.has(folder) && look(join(dest, folder))?.isDirectory() === false);
  const goesWhole = (folder: string): boolean => {
    const entries = readdirSync(join(dest, folder), { withFileTypes: true });
    const isGoing = (name: string, isFolder: boolean) => (isFolder ? goesWhole(name) : going.has(name));
    return entries.length > 0 && entries.every((it) => isGoing(`${folder}/${it.name}`, it.isDirectory()));
  };
  return (name, { path }) => {
    if (foldersOf(name).some(isTaken)) return failureOf('ENOTDIR');
    try {
      if (look(path)?.isDirectory() === true && !goesWhole(name)) return failureOf('EISDIR');
      checkReplaceable(path, '--out -');
      return null;
    } catch (error) {
      return { message: systemWords(error, 'write') };
    }
  };
}

/** Asks of each folder once. */
function once(ask: (folder: string) => boolean): (folder: string) => boolean {
  const known = new Map<string, boolean>();
  return (folder) => {
    const answer = known.get(folder) ?? ask(folder);
    known.set(folder, answer);
    return answer;
  };
}

/** Of what cannot be looked at nothing is foreseen: to write it says why. */
function look(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** What is said of the system's error once it comes. */
const failureOf = (code: string): TransferFault => ({
  message: systemWords(Object.assign(new Error(code), { code, syscall: 'open' }), 'write'),
});
