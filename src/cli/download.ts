/**
 * Fetches files over one connection, many requests ahead of their answers, and reports what comes of each.
 *
 * What has arrived and is not written is bounded: above the high mark the connection is paused, however many files the
 * bytes belong to.
 */
import type { Client } from '../client/client.ts';
import type { ClientFault } from '../client/client-fault.ts';
import type { Download } from '../client/get.ts';
import type { LocalFile, LocalFileOptions } from './local-file.ts';
import type { Report } from './report.ts';
import type { Transfer } from './transfer.ts';
import { failureOf } from './upload.ts';
import { breaks } from './with-client.ts';

/** Files asked for at once, and so descriptors open. */
const ahead = 64;
/** Bytes that are not written yet, above which nothing more is read, and below which it goes on. */
const high = 8 * 1024 * 1024;
const low = 4 * 1024 * 1024;

export interface DownloadWorld {
  readonly client: Client;
  readonly report: Report;
  /** Where a file's bytes go. */
  readonly begin: (options: LocalFileOptions) => LocalFile;
  /** Nobody wants any more of it. */
  readonly gone: () => boolean;
}

export interface Downloaded {
  readonly files: number;
  readonly bytes: number;
  readonly failed: number;
  /** Why the connection is gone; null when every file was tried. */
  readonly fault: ClientFault | null;
}

export function download(transfers: readonly Transfer[], world: DownloadWorld): Promise<Downloaded> {
  const { client, report } = world;
  return new Promise((resolve) => {
    const counts = { files: 0, bytes: 0, failed: 0 };
    let next = 0;
    let underWay = 0;
    let fault: ClientFault | null = null;
    let unwritten = 0;
    /** The one that is arriving. */
    let current: Download | null = null;

    function step(): void {
      const more = () => underWay < ahead && next < transfers.length && fault === null && !world.gone();
      while (more()) fetch(transfers[next++]!);
      if (underWay === 0) resolve({ ...counts, fault });
    }

    function over(): void {
      underWay--;
      step();
    }

    function written(bytes: number): void {
      unwritten -= bytes;
      if (unwritten < low) current?.resume();
    }

    function failed(transfer: Transfer, error: unknown): void {
      counts.failed++;
      report.failed(transfer, { message: error instanceof Error ? error.message : String(error) });
    }

    function fetch(transfer: Transfer): void {
      underWay++;
      let begun = false;
      client.get(transfer.filename).subscribe({
        next: (download) => {
          begun = true;
          current = download;
          receive(transfer, download);
        },
        error: (thrown: ClientFault) => {
          if (begun) return;
          if (breaks(thrown)) fault = thrown;
          else {
            counts.failed++;
            report.failed(transfer, failureOf(thrown));
          }
          over();
        },
      });
    }

    function receive(transfer: Transfer, download: Download): void {
      const { size, mtime, length, bytes$ } = download;
      let received = 0;
      let file: LocalFile;
      let broken = false;
      const broke = (error: unknown) => {
        if (!broken) failed(transfer, error);
        broken = true;
      };
      try {
        if (length !== size) throw new Error(`the server sends ${length} of ${size} bytes`);
        file = world.begin({ path: transfer.path, size, mtime, written, failed: broke });
      } catch (error) {
        failed(transfer, error);
        // The rest of it has to pass all the same.
        bytes$.subscribe({ error: lost, complete: over });
        return;
      }
      bytes$.subscribe({
        next: (bytes) => {
          received += bytes.length;
          unwritten += bytes.length;
          file.write(bytes);
          report.progress(transfer, received);
          if (unwritten > high) download.pause();
        },
        error: (thrown: ClientFault) => {
          file.abort();
          lost(thrown);
        },
        complete: () => {
          file
            .finish()
            .then(() => {
              counts.files++;
              counts.bytes += size;
              report.done(transfer, size, { mtime });
            }, broke)
            .finally(over);
        },
      });
    }

    function lost(thrown: ClientFault): void {
      fault = thrown;
      over();
    }
    step();
  });
}
