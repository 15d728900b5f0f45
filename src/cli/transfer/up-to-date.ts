/** `put --update`: which files the server has already, the same or newer. */
import { firstValueFrom } from 'rxjs';
import { isClientFault } from '../../client/client-fault.ts';
import type { Downloads } from '../../client/transfers/downloads.ts';
import { sameTime } from '../sync/compare.ts';
import { planBelow } from './get-plan.ts';
import type { Transfer } from './report/report.ts';
import { endsAll } from './tally.ts';

type FileLister = Pick<Downloads, 'stat' | 'page'>;
type Times = ReadonlyMap<string, Pick<Transfer, 'size' | 'mtime'>>;

export interface Split {
  /** Files that are not there, or older there, or of another size with the same time. */
  readonly files: readonly Transfer[];
  readonly upToDate: number;
}

/**
 * A folder costs pages of a listing, a file one question.
 *
 * @param tops the names that the paths of the command line get.
 */
export async function splitUpToDate(
  files: readonly Transfer[],
  tops: readonly string[],
  server: FileLister,
): Promise<Split> {
  const names = new Set(files.map(({ filename }) => filename));
  const asked = tops.map((top) => (names.has(top) ? timesOfFile(top, server) : timesBelow(top, server)));
  const there = new Map((await Promise.all(asked)).flatMap((times) => [...times]));
  const stale = files.filter((file) => !isUpToDate(file, there));
  return { files: stale, upToDate: files.length - stale.length };
}

function isUpToDate({ filename, size, mtime = 0 }: Transfer, times: Times): boolean {
  const there = times.get(filename);
  if (there?.mtime === undefined) return false;
  return sameTime(there.mtime, mtime) ? there.size === size : there.mtime > mtime;
}

async function timesOfFile(name: string, server: FileLister): Promise<Times> {
  try {
    return new Map([[name, await firstValueFrom(server.stat(name))]]);
  } catch (thrown) {
    // It is not there, or may not be looked at: to send it says so.
    if (!isClientFault(thrown) || endsAll(thrown)) throw thrown;
    return new Map();
  }
}

async function timesBelow(top: string, server: FileLister): Promise<Times> {
  const { files } = await planBelow(server, top === '' ? '' : `${top}/`, '');
  return new Map(files.map((file) => [file.filename, file]));
}
