/**
 * Plans which files a `get` fetches, and where they go. As with `cp -r`:
 *
 *   NAME       --out           goes to
 *   a/b.txt    a folder, OUT/  OUT/b.txt
 *   a/b.txt    anything else   OUT
 *   a/photos/  a folder, OUT/  OUT/photos/x, OUT/photos/sub/y, …
 *   a/photos/  anything else   OUT/x, OUT/sub/y, …
 *   a/*.txt    any             OUT/b.txt, …
 *   a/**       any             OUT/b.txt, OUT/photos/x, …
 *
 * Two names whose files would get the same path are refused before anything is fetched. On stdout, files follow each
 * other.
 *
 * The server is not trusted: each name that it lists is checked before it is used, and none leads out of the folder.
 */
import { lstatSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { isClientFault } from '../../client/client-fault.ts';
import { breaksConnection } from '../../client/pool/retry.ts';
import type { FileInfo } from '../../files/protocol/file.ts';
import { explainBadFilename } from '../../files/protocol/filename.ts';
import { usageError } from '../shared/exit-error.ts';
import { type Filter, keptBy } from '../shared/filters.ts';
import { expandName, isPattern, type Named, type NameLister, treeTop, visitBelow } from '../shared/globs.ts';
import type { Transfer, TransferFault } from './report/report.ts';
import { transferFaultOf } from './tally.ts';
import { explainConflict } from './target-conflict.ts';

export interface GetPlan {
  readonly files: readonly Transfer[];
  readonly failed: readonly { readonly name: string; readonly failure: TransferFault }[];
  /** How many files the filter leaves out; none if it is absent. */
  readonly leftOut?: number;
}

export interface GetWish {
  readonly names: readonly string[];
  /** Every name is that of a folder. */
  readonly recursive: boolean;
  /** The target, or null for stdout. */
  readonly out: string | null;
  /** What is left out; it is asked of names below a folder that is a NAME, and of the last part of a file's. */
  readonly filter?: Filter | null;
}

/** Throws an `ExitError` when the files of two names would get the same path: only one of them would be left. */
export async function planGet(
  server: NameLister,
  { names, recursive, out, filter = null }: GetWish,
): Promise<GetPlan> {
  const into =
    out !== null && (names.length > 1 || names.some(isPattern) || out.endsWith('/') || isFolder(out));
  const targetOf = (name: string, top: string | null): string =>
    out === null ? '' : into ? join(out, top === null ? basename(name) : name.slice(top.length)) : out;
  const planned = names.map(async (given): Promise<readonly GetPlan[]> => {
    try {
      const named = await expandName(given, server, recursive);
      if (named.length === 0)
        return [{ files: [], failed: [{ name: given, failure: { message: 'no name fits' } }] }];
      const plan = (each: Named) => {
        const top = each.listed ? treeTop(given) : null;
        return planNamed(server, each, { recursive, target: targetOf(each.name, top), filter, top });
      };
      return await Promise.all(named.map(plan));
    } catch (thrown) {
      if (!isClientFault(thrown) || breaksConnection(thrown)) throw thrown;
      return [{ files: [], failed: [{ name: given, failure: transferFaultOf(thrown, 'write') }] }];
    }
  });
  const plans = (await Promise.all(planned)).flat();
  const why = out === null ? null : explainConflict(plans.map(({ files }) => files));
  if (why !== null) throw usageError(why);
  return {
    files: plans.flatMap(({ files }) => files),
    failed: plans.flatMap(({ failed }) => failed),
    leftOut: plans.reduce((sum, { leftOut = 0 }) => sum + leftOut, 0),
  };
}

interface NamedPlace extends Pick<GetWish, 'recursive'> {
  readonly target: string;
  readonly filter: Filter | null;
  /** The folder from which on names are kept; null when only the last part is. */
  readonly top: string | null;
}

/** Plans a name that was given, or that the server has listed. Rejects with a `ClientError`. */
async function planNamed(
  server: NameLister,
  { name, file, listed }: Named,
  { recursive, target, filter, top }: NamedPlace,
): Promise<GetPlan> {
  const why = listed ? explainListedName(name.replace(/\/$/, ''), '') : null;
  if (why !== null) return { files: [], failed: [{ name, failure: { message: why } }] };
  if (file === undefined) return planName(server, name, recursive, target, filter);
  return { ...keptBelow(top ?? folderOf(name), filter, [transferOf(file, target)]), failed: [] };
}

/** Rejects with a `ClientError`. @param target the path; empty for stdout. */
async function planName(
  server: NameLister,
  name: string,
  recursive: boolean,
  target: string,
  filter: Filter | null,
): Promise<GetPlan> {
  const asked = name.endsWith('/');
  const prefix = name === '/' ? '' : asked ? name : `${name}/`;
  const below = recursive || asked ? await planBelow(server, prefix, target) : NOTHING;
  if (below.files.length + below.failed.length > 0)
    return { ...below, ...keptBelow(prefix, filter, below.files) };
  if (asked) return { files: [], failed: [{ name, failure: { message: 'nothing is stored there' } }] };
  if (filter?.(basename(name)) === true) return { ...NOTHING, leftOut: 1 };
  return { files: [transferOf(await firstValueFrom(server.stat(name)), target)], failed: [] };
}

const transferOf = ({ name: filename, ...state }: FileInfo, path: string): Transfer => ({
  path,
  filename,
  ...state,
});

/** The folder of a name, with a `/` at its end; empty for none. */
const folderOf = (name: string): string => name.slice(0, name.lastIndexOf('/') + 1);

const NOTHING: GetPlan = { files: [], failed: [] };

export function keptBelow(prefix: string, filter: Filter | null, files: readonly Transfer[]) {
  const kept = keptBy(filter, files, ({ filename }) => filename.slice(prefix.length));
  return { files: kept, leftOut: files.length - kept.length };
}

/** All files whose names begin with `prefix`. @param target the folder they go to; empty for none. */
export async function planBelow(
  server: Pick<NameLister, 'page'>,
  prefix: string,
  target: string,
): Promise<GetPlan> {
  const files: Transfer[] = [];
  const failed: { name: string; failure: TransferFault }[] = [];
  await visitBelow(prefix, server, (file) => {
    const { name } = file;
    const why = explainListedName(name, prefix);
    if (why !== null) failed.push({ name, failure: { message: why } });
    else files.push(transferOf(file, target && join(target, name.slice(prefix.length))));
  });
  return { files, failed };
}

/** Explains why a name that the server has listed cannot be a file's name; null when it can. */
function explainListedName(name: string, prefix: string): string | null {
  const why =
    explainBadFilename(name) ?? (name.startsWith(prefix) ? null : `it does not begin with ${prefix}`);
  return why === null ? null : `the server named a file that cannot be: ${why}`;
}

/** Splits off the files whose path exists already. A folder at the path does not count: writing fails later. */
export function splitExisting(files: readonly Transfer[]): Record<'files' | 'there', readonly Transfer[]> {
  const isThere = ({ path }: Transfer) => {
    try {
      return !lstatSync(path).isDirectory();
    } catch {
      // The path does not exist, or writing to it will report the error.
      return false;
    }
  };
  const there = new Set(files.filter(isThere));
  return { files: files.filter((each) => !there.has(each)), there: [...there] };
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
