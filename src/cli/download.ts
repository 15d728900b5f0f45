/**
 * Fetches files, many requests ahead of their answers, and reports what comes of each.
 *
 * What has arrived and is not written is bounded: above the high mark the connections are paused, however many files
 * the bytes belong to. Files under way are bounded by a count, and so are the descriptors that are open.
 */
import type { ClientFault } from '../client/client-fault.ts';
import type { DownloadEvent, Downloads, Version } from '../client/downloads.ts';
import type { LocalFile, LocalFileOptions } from './local-file.ts';
import { dropPart, type Kept, partPath, takePart } from './part-file.ts';
import type { Report } from './report.ts';
import type { Transfer } from './transfer.ts';
import { failureOf } from './upload.ts';
import { breaks } from './with-client.ts';

/** Files asked for at once. */
export const ahead = 64;
/** Bytes that are not written yet, above which nothing more is read, and below which it goes on. */
const high = 8 * 1024 * 1024;
const low = 4 * 1024 * 1024;
/** Bytes above which what has come of a file is kept when it is interrupted. */
const large = 8 * 1024 * 1024;

export interface DownloadWorld {
  readonly downloads: Pick<Downloads, 'download'>;
  readonly report: Report;
  /** Where a file's bytes go. `again`: what it was given before is to be forgotten. */
  readonly begin: (options: LocalFileOptions, again: boolean) => LocalFile;
  /** Whether it is worth keeping what has come of an interrupted file. */
  readonly keeps: boolean;
  /** Files of which something is kept while they are under way: the same command would go on with them. */
  readonly kept?: Set<Transfer>;
  /** Nobody wants any more of it. */
  readonly gone: () => boolean;
}

export interface Downloaded {
  readonly files: number;
  readonly bytes: number;
  readonly failed: number;
  /** Why the server was given up; null when every file was tried. */
  readonly fault: ClientFault | null;
}

type Begin = DownloadEvent & { readonly type: 'begin' };

export function download(transfers: readonly Transfer[], world: DownloadWorld): Promise<Downloaded> {
  const { downloads, report } = world;
  return new Promise((resolve) => {
    const counts = { files: 0, bytes: 0, failed: 0 };
    let next = 0;
    let underWay = 0;
    let fault: ClientFault | null = null;
    let unwritten = 0;
    /** Those that have begun to arrive and are not over. */
    const arriving = new Set<Begin>();

    function step(): void {
      const more = () => underWay < ahead && next < transfers.length && fault === null && !world.gone();
      while (more()) begin(transfers[next++]!);
      if (underWay === 0) resolve({ ...counts, fault });
    }

    function over(): void {
      underWay--;
      step();
    }

    function written(bytes: number): void {
      const wasHigh = unwritten >= low;
      unwritten -= bytes;
      if (wasHigh && unwritten < low) for (const each of arriving) each.resume();
    }

    function begin(transfer: Transfer): void {
      underWay++;
      const { path, filename, size, version } = transfer;
      if (!world.keeps || size <= large || version === undefined) return fetch(transfer, null);
      takePart(path, filename, version).then((kept) => fetch(transfer, kept));
    }

    function fetch(transfer: Transfer, kept: Kept | null): void {
      let begun: Begin | null = null;
      let file: LocalFile | null = null;
      let received = 0;
      /** It cannot be written: it has been told, and what still comes is dropped. */
      let broken = false;

      const broke = (error: unknown) => {
        if (broken) return;
        broken = true;
        counts.failed++;
        report.failed(transfer, { message: error instanceof Error ? error.message : String(error) });
      };

      function start(event: Begin): void {
        const again = begun !== null;
        file?.abort();
        if (begun !== null) arriving.delete(begun);
        begun = event;
        arriving.add(event);
        if (unwritten > high) event.pause();
        received = event.offset;
        const { version, offset } = event;
        const { size, mtime } = version;
        const part = again ? undefined : partOf(transfer, version, offset, kept);
        if (kept !== null && offset === 0 && kept.path !== part?.path) dropPart(kept.path);
        if (part !== undefined) world.kept?.add(transfer);
        try {
          file = world.begin({ path: transfer.path, size, mtime, part, written, failed: broke }, again);
        } catch (error) {
          file = null;
          broke(error);
        }
      }

      function partOf(transfer: Transfer, version: Version, offset: number, kept: Kept | null) {
        if (!world.keeps || version.size <= large) return undefined;
        if (offset > 0 && kept !== null) return { path: kept.path, resumed: true };
        return { path: partPath(transfer.path, transfer.filename, version), resumed: false };
      }

      function ended(): void {
        if (begun !== null) arriving.delete(begun);
        begun = null;
      }

      downloads.download(transfer.filename, kept?.had).subscribe({
        next: (event) => {
          if (event.type === 'begin') return start(event);
          if (event.type === 'received') {
            const { mtime, size } = event.version;
            return finish(size, { mtime, ...(event.verified ? { crc32: event.crc32 } : {}) });
          }
          received += event.bytes.length;
          if (file === null || broken) return;
          unwritten += event.bytes.length;
          file.write(event.bytes);
          report.progress(transfer, received);
          if (unwritten > high) for (const each of arriving) each.pause();
        },
        error: (thrown: ClientFault) => {
          ended();
          file?.abort(breaks(thrown));
          if (breaks(thrown)) fault ??= thrown;
          else if (!broken) {
            counts.failed++;
            report.failed(transfer, failureOf(thrown));
          }
          over();
        },
      });

      function finish(size: number, details: Readonly<Record<string, unknown>>): void {
        ended();
        if (file === null) return over();
        file
          .finish()
          .then(() => {
            counts.files++;
            counts.bytes += size;
            world.kept?.delete(transfer);
            report.done(transfer, size, details);
          }, broke)
          .finally(over);
      }
    }
    step();
  });
}
