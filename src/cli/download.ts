/**
 * Fetches files over as many connections as are wanted, many requests ahead of their answers, and reports what comes of
 * each. What breaks is tried again by the library.
 *
 * What has arrived and is not written is bounded: above the high mark the connections are paused, however many files the
 * bytes belong to.
 */
import type { Observable, Subscription } from 'rxjs';
import { type ClientFault, describeFault } from '../client/client-fault.ts';
import { createDownloads, type DownloadTarget, type Fetched } from '../client/downloads.ts';
import type { Download } from '../client/get.ts';
import { breaksConnection } from '../client/retry.ts';
import { resumeFrom } from '../client/uploads.ts';
import { crc32 } from '../store/crc32.ts';
import type { Connection } from '../transport/connection.ts';
import type { LocalFile, LocalFileOptions } from './local-file.ts';
import { keptPart, partPath } from './part-file.ts';
import type { Report } from './report.ts';
import type { Transfer } from './transfer.ts';
import { failureOf, retryInWords } from './upload.ts';

/** Files asked for at once on each connection, and so descriptors open. */
const ahead = 64;
/** Bytes that are not written yet, above which nothing more is read, and below which it goes on. */
const high = 8 * 1024 * 1024;
const low = 4 * 1024 * 1024;

export interface DownloadWorld {
  readonly connect$: Observable<Connection>;
  readonly token: string | null;
  readonly retries: number;
  readonly parallel: number;
  readonly report: Report;
  /** Where a file's bytes go. */
  readonly begin: (options: LocalFileOptions) => LocalFile;
  /** Whether all goes to stdout: in order, one after the other, and nothing is kept for a later run. */
  readonly prints: boolean;
  /** Nobody wants any more of it. */
  readonly gone: () => boolean;
}

export interface Downloaded {
  readonly files: number;
  readonly bytes: number;
  readonly failed: number;
  /** Files that were not received because the connection is gone, and why; null when every file was tried. */
  readonly lost: { readonly files: number; readonly why: string } | null;
}

export function download(transfers: readonly Transfer[], world: DownloadWorld): Promise<Downloaded> {
  const { connect$, token, retries, parallel, report } = world;
  const downloads = createDownloads({
    connect: () => connect$,
    ...(token === null ? {} : { token }),
    ...{ retries, parallel, crc32, window: ahead },
  });
  downloads.retries$.subscribe((retry) => report.retry(retryInWords(retry)));
  return new Promise((resolve) => {
    const most = world.prints ? 1 : ahead * parallel;
    const counts = { files: 0, bytes: 0, failed: 0 };
    let next = 0;
    let underWay = 0;
    let unwritten = 0;
    let lost: { files: number; why: string } | null = null;
    /** Those that are arriving, one a connection. */
    const arriving = new Set<Pick<Download, 'pause' | 'resume'>>();

    function step(): void {
      const more = () => underWay < most && next < transfers.length && !world.gone();
      while (more()) fetch(transfers[next++]!);
      if (underWay > 0) return;
      downloads.end();
      resolve({ ...counts, lost });
    }

    function over(): void {
      underWay--;
      step();
    }

    function written(bytes: number): void {
      unwritten -= bytes;
      if (unwritten < low) for (const each of arriving) each.resume();
    }

    function failed(transfer: Transfer, error: unknown): void {
      counts.failed++;
      report.failed(transfer, { message: error instanceof Error ? error.message : String(error) });
    }

    function fetch(transfer: Transfer): void {
      underWay++;
      let file: LocalFile | null = null;
      let flow: Pick<Download, 'pause' | 'resume'> | null = null;
      let kept: Fetched | null = null;
      let [size, mtime] = [0, 0];
      let fetching: Subscription | null = null;
      const left = () => {
        if (flow !== null) arriving.delete(flow);
      };
      let again = false;
      let told = false;
      /** A file can fail while it is arriving and once more when it is to be finished. */
      const broke = (error: unknown) => {
        if (told) return;
        told = true;
        left();
        fetching?.unsubscribe();
        file?.abort();
        failed(transfer, error);
        over();
      };
      const state = stateOf(transfer);
      const target: DownloadTarget = {
        kept: () => {
          if (state !== null && !world.prints) kept = keptPart(transfer.path, state);
          return kept;
        },
        begin: (download) => {
          ({ size, mtime } = download);
          left();
          flow = download;
          arriving.add(download);
          const { offset } = download;
          if (file !== null && offset > 0) return;
          // It may be larger or smaller now, and another file altogether.
          file?.discard();
          const isPart = !world.prints && size >= resumeFrom;
          const part = isPart ? { path: partPath(transfer.path, download), offset } : undefined;
          file = null;
          file = world.begin({ path: transfer.path, size, mtime, part, again, written, failed: broke });
        },
        write: (bytes) => {
          again = true;
          unwritten += bytes.length;
          file?.write(bytes);
          if (unwritten > high) flow?.pause();
        },
      };
      fetching = downloads.fetch(transfer.filename, target, transfer.size).subscribe({
        next: ({ received }) => report.progress(transfer, received),
        error: (fault: ClientFault) => {
          told = true;
          left();
          file?.abort();
          if (breaksConnection(fault)) lost = { files: (lost?.files ?? 0) + 1, why: describeFault(fault) };
          else {
            counts.failed++;
            report.failed(transfer, failureOf(fault));
          }
          over();
        },
        complete: () => {
          left();
          file!.finish().then(() => {
            told = true;
            counts.files++;
            counts.bytes += size;
            report.done(transfer, size, { mtime });
            over();
          }, broke);
        },
      });
    }
    step();
  });
}

/** The state of the file on the server, as far as it was said beforehand; null for one that is too small to be kept. */
function stateOf({ size, mtime, crc32 }: Transfer): Fetched['file'] | null {
  if (mtime === undefined || size < resumeFrom) return null;
  return { size, mtime, ...(crc32 === undefined ? {} : { crc32 }) };
}
