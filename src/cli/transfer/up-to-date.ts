/** What the server has already of what a `put` would send: for `--update`, and to say it beforehand. */
import { firstValueFrom } from 'rxjs';
import { isClientFault } from '../../client/client-fault.ts';
import type { NameLister } from '../shared/globs.ts';
import { sameTime } from '../sync/compare.ts';
import { planBelow } from './get-plan.ts';
import type { Transfer } from './report/report.ts';
import { endsAll } from './tally.ts';

/** Files of the server by their names. */
type States = ReadonlyMap<string, Pick<Transfer, 'size' | 'mtime'>>;

export interface Split {
  /** Files that are not there, or older there, or of another size with the same time. */
  readonly files: readonly Transfer[];
  /** How many have the same size and time there. */
  readonly unchanged: number;
  /** How many are newer there. */
  readonly newer: number;
}

/**
 * Asks what the server has where the files will go: a folder costs pages of a listing, a file one question.
 *
 * @param tops the names that the paths of the command line get.
 */
export async function statesThere(
  files: readonly Transfer[],
  tops: readonly string[],
  server: NameLister,
): Promise<States> {
  const names = new Set(files.map(({ filename }) => filename));
  const asked = tops.map((top) => (names.has(top) ? stateOfFile(top, server) : statesBelow(top, server)));
  return new Map((await Promise.all(asked)).flatMap((states) => [...states]));
}

export function splitUpToDate(files: readonly Transfer[], there: States): Split {
  const stale: Transfer[] = [];
  let [unchanged, newer] = [0, 0];
  for (const file of files) {
    const { mtime: here = 0 } = file;
    const { mtime, size } = there.get(file.filename) ?? {};
    if (mtime === undefined) stale.push(file);
    else if (sameTime(mtime, here) && size === file.size) unchanged++;
    else if (!sameTime(mtime, here) && mtime > here) newer++;
    else stale.push(file);
  }
  return { files: stale, unchanged, newer };
}

async function stateOfFile(name: string, server: NameLister): Promise<States> {
  try {
    return new Map([[name, await firstValueFrom(server.stat(name))]]);
  } catch (thrown) {
    // It is not there, or may not be looked at: to send it says so.
    if (!isClientFault(thrown) || endsAll(thrown)) throw thrown;
    return new Map();
  }
}

async function statesBelow(top: string, server: NameLister): Promise<States> {
  const { files } = await planBelow(server, top === '' ? '' : `${top}/`, '');
  return new Map(files.map((file) => [file.filename, file]));
}
