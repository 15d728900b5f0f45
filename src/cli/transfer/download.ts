/**
 * Fetches files, many requests ahead of their answers, and reports what comes of each.
 *
 * Whatever breaks is tried again by the downloads themselves; when they give up on the server, so does this. What has
 * arrived and is not written is bounded: above the high mark the connections are paused, however many files the bytes
 * belong to.
 */
import type { Subscription } from 'rxjs';
import type { ClientFault } from '../../client/client-fault.ts';
import type { Download } from '../../client/get.ts';
import type { Downloads, DownloadTarget } from '../../client/transfers/downloads.ts';
import { RESUME_THRESHOLD_BYTES } from '../../client/transfers/uploads.ts';
import { systemWords } from '../../files/protocol/system-words.ts';
import type { LocalFile, LocalFileOptions } from './local-file.ts';
import { newPart, removePart, type Taken, takePart } from './part-file.ts';
import type { Report, Transfer } from './report.ts';
import { createTries } from './tries.ts';
import { endsAll, failureOf, type Lost, whyLost } from './upload.ts';

/** Files asked for at once on each connection, and so descriptors open. */
export const FILES_AHEAD = 64;
/** Bytes that are not written yet, above which nothing more is read, and below which it goes on. */
const HELD_BYTES_HIGH = 8 * 1024 * 1024;
const HELD_BYTES_LOW = 4 * 1024 * 1024;

/** Why a file is skipped with `--no-clobber`. */
export const thereAlready = 'it is there already';

export interface DownloadDeps {
  readonly downloads: Pick<Downloads, 'fetch'>;
  readonly report: Report;
  /** Where a file's bytes go. */
  readonly begin: (options: LocalFileOptions) => LocalFile;
  /** Files asked for at once. */
  readonly ahead: number;
  /** Whether large files are gone on with in a later run: not those that go to stdout. */
  readonly keepsParts: boolean;
  /** Files of which there is a part while they are under way: the same command would go on with them. */
  readonly kept: Set<Transfer>;
  /** Nobody wants any more of it. */
  readonly gone: () => boolean;
}

export interface Downloaded {
  readonly files: number;
  readonly bytes: number;
  /** As many of the bytes as were not here when this run began. */
  readonly transferred: number;
  readonly failed: number;
  /** The files that were given up because the server is, and why it is. Null when all were tried. */
  readonly lost: Lost | null;
}

type Flow = Pick<Download, 'pause' | 'resume'>;

export function download(transfers: readonly Transfer[], world: DownloadDeps): Promise<Downloaded> {
  const { downloads, report, kept } = world;
  return new Promise((resolve) => {
    const counts = { files: 0, bytes: 0, transferred: 0, failed: 0 };
    let next = 0;
    let underWay = 0;
    let unwritten = 0;
    /** Files that were tried, and are not here. */
    let unknown = 0;
    let given: ClientFault | null = null;
    /** Those that are arriving, one a connection. */
    const arriving = new Set<Flow>();

    function step(): void {
      const more = () => underWay < world.ahead && next < transfers.length && given === null && !world.gone();
      while (more()) fetch(transfers[next++]!);
      if (underWay > 0) return;
      const files = unknown + transfers.length - next;
      resolve({ ...counts, lost: given === null ? null : { files, ...whyLost(given) } });
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
      let taken: Taken | null = null;
      let fetching: Subscription | null = null;
      let [size, mtime, resumedFrom] = [0, 0, 0];
      const tries = createTries((from) => report.resumed(transfer, from));
      let settled = false;
      let wrote = false;

      /** To be called once, however it ended. */
      function over(what: () => void): void {
        if (settled) return;
        settled = true;
        if (flow !== null) arriving.delete(flow);
        what();
        underWay--;
        step();
      }

      /** This side cannot take it. */
      function broke(error: unknown): void {
        fetching?.unsubscribe();
        file?.abort('drop');
        over(() => {
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
        // What was written is of another state of the file.
        file?.abort('drop');
        if (offset === 0 && taken !== null) removePart(taken.path);
        const resumed = offset > 0 ? taken : null;
        taken = null;
        resumedFrom = offset;
        const isPart = world.keepsParts && size >= RESUME_THRESHOLD_BYTES;
        const part = isPart ? { path: resumed?.path ?? newPart(path, download), offset } : undefined;
        file = world.begin({ path, size, mtime, part, again: wrote, written, failed: broke });
        if (isPart) kept.add(transfer);
      }

      const target: DownloadTarget = {
        ...(isKept(transfer) && world.keepsParts
          ? { kept: async () => (taken = await takePart(path, transfer)) }
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
          over(() => {
            if (endsAll(fault)) {
              given ??= fault;
              unknown++;
              return;
            }
            counts.failed++;
            kept.delete(transfer);
            report.failed(transfer, failureOf(fault, 'write'));
          });
        },
        complete: () => {
          if (flow !== null) arriving.delete(flow);
          file!.finish().then((how) => {
            over(() => {
              if (how === 'there') {
                kept.delete(transfer);
                return report.warn(path, thereAlready);
              }
              counts.files++;
              counts.bytes += size;
              const before = tries.before();
              counts.transferred += size - before;
              kept.delete(transfer);
              const details = { mtime, ...(resumedFrom > 0 ? { resumedFrom } : {}) };
              report.done(transfer, size, { before, details });
            });
          }, broke);
        },
      });
    }
    step();
  });
}

/** Whether there may be a part of it: its state on the server is known, and it is large. */
const isKept = (transfer: Transfer): transfer is Transfer & { readonly mtime: number } =>
  transfer.mtime !== undefined && transfer.size >= RESUME_THRESHOLD_BYTES;
