/**
 * Plans which files a `get` fetches, and where they go. As with `cp -r`:
 *
 *   NAME       --out           goes to
 *   a/b.txt    a folder, OUT/  OUT/b.txt
 *   a/b.txt    anything else   OUT
 *   a/photos/  a folder, OUT/  OUT/photos/x, OUT/photos/sub/y, …
 *   a/photos/  anything else   OUT/x, OUT/sub/y, …
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
import type { Downloads } from '../../client/transfers/downloads.ts';
import { explainBadFilename } from '../../files/protocol/filename.ts';
import { usageError } from '../shared/exit-error.ts';
import { type Filter, keptBy } from '../shared/filters.ts';
import type { Transfer, TransferFault } from './report/report.ts';
import { transferFaultOf } from './tally.ts';
import { explainConflict } from './target-conflict.ts';

/** The requests that a plan makes. */
type FileLister = Pick<Downloads, 'stat' | 'page'>;

export interface GetPlan {
  readonly files: readonly Transfer[];
  readonly failed: readonly { readonly name: string; readonly failure: TransferFault }[];
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
  server: FileLister,
  { names, recursive, out, filter = null }: GetWish,
): Promise<GetPlan> {
  const into = out !== null && (names.length > 1 || out.endsWith('/') || isFolder(out));
  const targetOf = (name: string): string => (out === null ? '' : into ? join(out, basename(name)) : out);
  const plans = await Promise.all(
    names.map((name) => planName(server, name, recursive, targetOf(name), filter)),
  );
  const why = out === null ? null : explainConflict(plans.map(({ files }) => files));
  if (why !== null) throw usageError(why);
  return {
    files: plans.flatMap(({ files }) => files),
    failed: plans.flatMap(({ failed }) => failed),
  };
}

/** @param target the path; empty for stdout. */
async function planName(
  server: FileLister,
  name: string,
  recursive: boolean,
  target: string,
  filter: Filter | null,
): Promise<GetPlan> {
  const nothing = { message: 'nothing is stored there' };
  const asked = name.endsWith('/');
  try {
    const prefix = name === '/' ? '' : asked ? name : `${name}/`;
    const below = recursive || asked ? await planBelow(server, prefix, target) : NOTHING;
    if (below.files.length + below.failed.length > 0)
      return { ...below, files: keptBelow(prefix, filter, below.files) };
    if (asked) return { files: [], failed: [{ name, failure: nothing }] };
    if (filter?.(basename(name)) === true) return NOTHING;
    const { name: filename, ...state } = await firstValueFrom(server.stat(name));
    return { files: [{ path: target, filename, ...state }], failed: [] };
  } catch (thrown) {
    if (!isClientFault(thrown) || breaksConnection(thrown)) throw thrown;
    return { files: [], failed: [{ name, failure: transferFaultOf(thrown, 'write') }] };
  }
}

const NOTHING: GetPlan = { files: [], failed: [] };

export const keptBelow = (prefix: string, filter: Filter | null, files: readonly Transfer[]) =>
  keptBy(filter, files, ({ filename }) => filename.slice(prefix.length));

/** All files whose names begin with `prefix`. @param target the folder they go to; empty for none. */
export async function planBelow(server: FileLister, prefix: string, target: string): Promise<GetPlan> {
  const files: Transfer[] = [];
  const failed: { name: string; failure: TransferFault }[] = [];
  let after: string | undefined;
  do {
    const listing = await firstValueFrom(server.page(after === undefined ? { prefix } : { prefix, after }));
    for (const { name, ...state } of listing.files) {
      const why = explainListedName(name, prefix);
      if (why !== null) failed.push({ name, failure: { message: why } });
      else files.push({ path: target && join(target, name.slice(prefix.length)), filename: name, ...state });
    }
    after = listing.next;
  } while (after !== undefined);
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
