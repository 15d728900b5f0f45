/** Fetches one file of many into a local file, and reports its result. */
import { Subscription } from 'rxjs';
import type { ClientFault } from '../../client/client-fault.ts';
import type { Download } from '../../client/get.ts';
import type { DownloadTarget } from '../../client/transfers/download-target.ts';
import type { Downloads } from '../../client/transfers/downloads.ts';
import { RESUME_THRESHOLD_BYTES } from '../../client/transfers/upload.ts';
import { systemWords } from '../../files/protocol/system-words.ts';
import { type Flow, type HeldBytes, hold, pauseIfFull, release } from './held-bytes.ts';
import type { LocalFile, LocalFileOptions, Placed } from './local-file.ts';
import { type ClaimedPart, claimPartFile, newPartFile, removePartFile } from './part-file.ts';
import type { Report, Transfer } from './report/report.ts';
import { countArrived, countFault, endsAll, type Tally, transferFaultOf } from './tally.ts';
import { createTries, type Tries } from './tries.ts';

/** Why a file is skipped with `--no-clobber`. */
export const ALREADY_THERE = 'it is there already';

export interface FetchDeps {
  readonly downloads: Pick<Downloads, 'fetch'>;
  readonly report: Report;
  /** Where a file's bytes go. */
  readonly begin: (options: LocalFileOptions) => LocalFile;
  /** Whether a later run can resume large files; it cannot when they go to stdout. */
  readonly keepsPartFiles: boolean;
  /** Unfinished files with a part file: the same command would resume them. */
  readonly kept: Set<Transfer>;
}

/** What the fetches of a run share, and `ended`, which is called when the result of this one was counted and reported. */
export interface FetchRun {
  readonly tally: Tally;
  readonly held: HeldBytes;
  readonly ended: () => void;
}

interface FileFetch extends FetchRun {
  readonly transfer: Transfer;
  readonly deps: FetchDeps;
  readonly tries: Tries;
  /** The download, with all its tries. */
  readonly fetching: Subscription;
  /** The local file of this try; null before the first has begun. */
  file: LocalFile | null;
  /** Pauses and resumes the connection on which the file is arriving; null before it arrives. */
  flow: Flow | null;
  /** The part file that an earlier run has left; null once a try has used or removed it. */
  claimed: ClaimedPart | null;
  /** The file's size and modification time, as the server stated them for this try. */
  size: number;
  mtime: number;
  /** Bytes that an earlier run has left. */
  resumedFrom: number;
  /** Its result was counted and reported. */
  settled: boolean;
  /** Bytes were given to a local file. */
  wrote: boolean;
}

export function fetchFile(transfer: Transfer, deps: FetchDeps, { tally, held, ended }: FetchRun): void {
  const { downloads, report } = deps;
  const fetch: FileFetch = {
    transfer,
    deps,
    tally,
    held,
    ended,
    tries: createTries((from) => report.resumed(transfer, from)),
    fetching: new Subscription(),
    file: null,
    flow: null,
    claimed: null,
    size: 0,
    mtime: 0,
    resumedFrom: 0,
    settled: false,
    wrote: false,
  };
  const downloading = downloads.fetch(transfer.filename, targetOf(fetch), transfer.size).subscribe({
    next: ({ received }) => report.progress(transfer, received),
    error: (fault: ClientFault) => onFailed(fetch, fault),
    complete: () => onReceived(fetch),
  });
  fetch.fetching.add(downloading);
}

function targetOf(fetch: FileFetch): DownloadTarget {
  const { transfer, deps, held } = fetch;
  return {
    ...(mayHavePartFile(transfer) && deps.keepsPartFiles ? { kept: () => claimPart(fetch, transfer) } : {}),
    begin: (download) => beginTry(fetch, download),
    write: (bytes) => {
      fetch.wrote = true;
      hold(held, bytes.length);
      fetch.file!.write(bytes);
      pauseIfFull(held, fetch.flow);
    },
  };
}

type LargeTransfer = Transfer & { readonly mtime: number };

/** Whether a part file may exist: the file's state on the server is known, and it is large. */
const mayHavePartFile = (transfer: Transfer): transfer is LargeTransfer =>
  transfer.mtime !== undefined && transfer.size >= RESUME_THRESHOLD_BYTES;

async function claimPart(fetch: FileFetch, transfer: LargeTransfer): Promise<ClaimedPart | null> {
  fetch.claimed = await claimPartFile(transfer.path, transfer);
  return fetch.claimed;
}

/** The file begins to arrive, or goes on behind the bytes that are there. */
function beginTry(fetch: FileFetch, download: Omit<Download, 'bytes$'>): void {
  const { transfer, deps, held, claimed } = fetch;
  const { path } = transfer;
  const { size, mtime, offset } = download;
  endFlow(fetch);
  fetch.flow = download;
  held.arriving.add(download);
  fetch.size = size;
  fetch.mtime = mtime;
  fetch.tries.begin(offset);
  if (offset > 0 && fetch.file !== null) return;
  // The bytes written before belong to another state of the file.
  fetch.file?.abort('drop');
  if (offset === 0 && claimed !== null) removePartFile(claimed.path);
  const resumed = offset > 0 ? claimed : null;
  fetch.claimed = null;
  fetch.resumedFrom = offset;
  const keepsPartFile = deps.keepsPartFiles && size >= RESUME_THRESHOLD_BYTES;
  const partFile = keepsPartFile ? { path: resumed?.path ?? newPartFile(path, download), offset } : undefined;
  fetch.file = deps.begin({
    path,
    size,
    mtime,
    partFile,
    again: fetch.wrote,
    written: (bytes) => release(held, bytes),
    failed: (error) => failLocally(fetch, error),
  });
  if (keepsPartFile) deps.kept.add(transfer);
}

function endFlow({ held, flow }: FileFetch): void {
  if (flow !== null) held.arriving.delete(flow);
}

/** Settles the file, however it ended. Only the first call counts. */
function settle(fetch: FileFetch, count: () => void): void {
  if (fetch.settled) return;
  fetch.settled = true;
  endFlow(fetch);
  count();
  fetch.ended();
}

/** This machine cannot write the file. */
function failLocally(fetch: FileFetch, error: unknown): void {
  const { transfer, deps, tally } = fetch;
  fetch.fetching.unsubscribe();
  fetch.file?.abort('drop');
  settle(fetch, () => {
    tally.failed++;
    deps.kept.delete(transfer);
    deps.report.failed(transfer, { message: systemWords(error, 'write') });
  });
}

/** The file could not be fetched. */
function onFailed(fetch: FileFetch, fault: ClientFault): void {
  const { transfer, deps, tally } = fetch;
  fetch.file?.abort(endsAll(fault) ? 'keep' : 'drop');
  settle(fetch, () => {
    if (!countFault(tally, fault)) return;
    deps.kept.delete(transfer);
    deps.report.failed(transfer, transferFaultOf(fault, 'write'));
  });
}

/** Every byte is there: gives the file its name. */
function onReceived(fetch: FileFetch): void {
  endFlow(fetch);
  const placed = (how: Placed) => settle(fetch, () => countReceived(fetch, how));
  const failed = (error: unknown) => failLocally(fetch, error);
  let placing: Placed | Promise<Placed>;
  try {
    placing = fetch.file!.finish();
  } catch (error) {
    return failed(error);
  }
  if (typeof placing === 'string') placed(placing);
  else placing.then(placed, failed);
}

function countReceived(fetch: FileFetch, how: Placed): void {
  const { transfer, deps, size, mtime, resumedFrom } = fetch;
  deps.kept.delete(transfer);
  if (how === 'there') return deps.report.warn(transfer.path, ALREADY_THERE);
  const before = fetch.tries.before();
  countArrived(fetch.tally, size, before);
  const details = { mtime, ...(resumedFrom > 0 ? { resumedFrom } : {}) };
  deps.report.done(transfer, size, { before, details });
}
