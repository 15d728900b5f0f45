/**
 * Fetches files, with many requests before their answers, and reports the result of each.
 *
 * The downloads themselves try again when a connection breaks. When they give the server up, this does too. Bytes that
 * have arrived and are not written yet are bounded: above the high mark the connections are paused, however many files
 * the bytes belong to.
 */
import type { Subscription } from 'rxjs';
import type { ClientFault } from '../../client/client-fault.ts';
import type { Download } from '../../client/get.ts';
import type { DownloadTarget } from '../../client/transfers/download-job.ts';
import type { Downloads } from '../../client/transfers/downloads.ts';
import { RESUME_THRESHOLD_BYTES } from '../../client/transfers/upload.ts';
import { systemWords } from '../../files/protocol/system-words.ts';
import type { LocalFile, LocalFileOptions } from './local-file.ts';
import { type ClaimedPart, claimPartFile, newPartFile, removePartFile } from './part-file.ts';
import type { Report, Transfer } from './report.ts';
import { createTries } from './tries.ts';
import { endsAll, type GivenUp, reasonOf, transferFaultOf } from './upload.ts';

/** Files asked for at once on each connection, and so descriptors open. */
export const FILES_AT_ONCE = 64;
/** With so many unwritten bytes the connections are paused, and below the low mark they resume. */
const HELD_BYTES_HIGH = 8 * 1024 * 1024;
const HELD_BYTES_LOW = 4 * 1024 * 1024;

/** Why a file is skipped with `--no-clobber`. */
export const ALREADY_THERE = 'it is there already';

export interface DownloadDeps {
  readonly downloads: Pick<Downloads, 'fetch'>;
  readonly report: Report;
  /** Where a file's bytes go. */
  readonly begin: (options: LocalFileOptions) => LocalFile;
  /** Files asked for at once. */
  readonly concurrency: number;
  /** Whether a later run can resume large files; it cannot when they go to stdout. */
  readonly keepsPartFiles: boolean;
  /** Unfinished files with a part file: the same command would resume them. */
  readonly kept: Set<Transfer>;
  /** Whether no further file is wanted. */
  readonly isUnwanted: () => boolean;
}

export interface Downloaded {
  readonly files: number;
  readonly bytes: number;
  /** Bytes of those files that this run has received. */
  readonly transferred: number;
  readonly failed: number;
  /** The files that were given up together with the server, and why. Null when all files were tried. */
  readonly givenUp: GivenUp | null;
}

type Flow = Pick<Download, 'pause' | 'resume'>;

export function download(transfers: readonly Transfer[], deps: DownloadDeps): Promise<Downloaded> {
  const { downloads, report, kept } = deps;
  return new Promise((resolve) => {
    const counts = { files: 0, bytes: 0, transferred: 0, failed: 0 };
    let next = 0;
    let underWay = 0;
    let unwritten = 0;
    /** Files that were tried, and failed together with the server. */
    let undecided = 0;
    let fatalFault: ClientFault | null = null;
    /** Files that are arriving, one a connection. */
    const arriving = new Set<Flow>();

    function step(): void {
      const more = () =>
        underWay < deps.concurrency && next < transfers.length && fatalFault === null && !deps.isUnwanted();
      while (more()) fetch(transfers[next++]!);
      if (underWay > 0) return;
      const files = undecided + transfers.length - next;
      resolve({ ...counts, givenUp: fatalFault === null ? null : { files, ...reasonOf(fatalFault) } });
    }

    function written(bytes: number): void {
      unwritten -= bytes;
      if (unwritten < HELD_BYTES_LOW) for (const each of arriving) each.resume();
    }

    function fetch(transfer: Transfer): void {
      underWay++;
      const { path, filename } = transfer;
      let file: LocalFile | null = null;
      let flow: Flow | null = null;
      let claimed: ClaimedPart | null = null;
      let fetching: Subscription | null = null;
      let [size, mtime, resumedFrom] = [0, 0, 0];
      const tries = createTries((from) => report.resumed(transfer, from));
      let settled = false;
      let wrote = false;

      /** Settles the file, however it ended. Only the first call counts. */
      function settle(what: () => void): void {
        if (settled) return;
        settled = true;
        if (flow !== null) arriving.delete(flow);
        what();
        underWay--;
        step();
      }

      /** This machine cannot write the file. */
      function failLocally(error: unknown): void {
        fetching?.unsubscribe();
        file?.abort('drop');
        settle(() => {
          counts.failed++;
          kept.delete(transfer);
          report.failed(transfer, { message: systemWords(error, 'write') });
        });
      }

      function begin(download: Omit<Download, 'bytes$'>): void {
        if (flow !== null) arriving.delete(flow);
        flow = download;
        arriving.add(download);
        ({ size, mtime } = download);
        const { offset } = download;
        tries.begin(offset);
        if (offset > 0 && file !== null) return;
        // The bytes written before belong to another state of the file.
        file?.abort('drop');
        if (offset === 0 && claimed !== null) removePartFile(claimed.path);
        const resumed = offset > 0 ? claimed : null;
        claimed = null;
        resumedFrom = offset;
        const keepsPartFile = deps.keepsPartFiles && size >= RESUME_THRESHOLD_BYTES;
        const partFile = keepsPartFile
          ? { path: resumed?.path ?? newPartFile(path, download), offset }
          : undefined;
        file = deps.begin({ path, size, mtime, partFile, again: wrote, written, failed: failLocally });
        if (keepsPartFile) kept.add(transfer);
      }

      const target: DownloadTarget = {
        ...(mayHavePartFile(transfer) && deps.keepsPartFiles
          ? { kept: async () => (claimed = await claimPartFile(path, transfer)) }
          : {}),
        begin,
        write: (bytes) => {
          wrote = true;
          unwritten += bytes.length;
          file!.write(bytes);
          if (unwritten > HELD_BYTES_HIGH) flow?.pause();
        },
      };
      fetching = downloads.fetch(filename, target, transfer.size).subscribe({
        next: ({ received }) => report.progress(transfer, received),
        error: (fault: ClientFault) => {
          file?.abort(endsAll(fault) ? 'keep' : 'drop');
          settle(() => {
            if (endsAll(fault)) {
              fatalFault ??= fault;
              undecided++;
              return;
            }
            counts.failed++;
            kept.delete(transfer);
            report.failed(transfer, transferFaultOf(fault, 'write'));
          });
        },
        complete: () => {
          if (flow !== null) arriving.delete(flow);
          file!.finish().then((how) => {
            settle(() => {
              if (how === 'there') {
                kept.delete(transfer);
                return report.warn(path, ALREADY_THERE);
              }
              counts.files++;
              counts.bytes += size;
              const before = tries.before();
              counts.transferred += size - before;
              kept.delete(transfer);
              const details = { mtime, ...(resumedFrom > 0 ? { resumedFrom } : {}) };
              report.done(transfer, size, { before, details });
            });
          }, failLocally);
        },
      });
    }
    step();
  });
}

/** Whether a part file may exist: the file's state on the server is known, and it is large. */
const mayHavePartFile = (transfer: Transfer): transfer is Transfer & { readonly mtime: number } =>
  transfer.mtime !== undefined && transfer.size >= RESUME_THRESHOLD_BYTES;
