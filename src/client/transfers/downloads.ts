/** Downloads that survive broken connections: each goes on behind the last byte that arrived. */
import { Observable, type Subscriber, Subscription } from 'rxjs';
import type { FileInfo, Listing } from '../../files/protocol/file.ts';
import { check, TEXT, withMethods } from '../../wire/argument.ts';
import type { Client } from '../client.ts';
import type { ClientFault } from '../client-fault.ts';
import { crc32 as portableCrc32 } from '../content/crc32.ts';
import { contentFault } from '../content/read-content.ts';
import type { Download } from '../get.ts';
import type { PageSettings } from '../list.ts';
import type { Checksum } from '../pipeline/frame-sender.ts';
import { type ConnectionPool, createConnectionPool } from '../pool/connection-pool.ts';
import type { ConnectionPoolOptions, Retry } from '../pool/pool-options.ts';
import { createJob, type Job } from '../pool/pool-state.ts';
import { isRefused } from './resumable.ts';
import { RESUME_THRESHOLD_BYTES } from './uploads.ts';

/** The bytes of a file that are there already, and the state of the file they belong to. */
export interface PartialDownload {
  /** Bytes from the start. */
  readonly offset: number;
  /** CRC-32 of those bytes. */
  readonly crc32: number;
  /** The file's state, as the server stated it then. */
  readonly file: Pick<FileInfo, 'size' | 'mtime' | 'crc32'>;
}

/** The receiver of a file's bytes. */
export interface DownloadTarget {
  /** Answers the bytes kept from an earlier run. Called once, when the download's turn has come. */
  readonly kept?: () => PartialDownload | null | Promise<PartialDownload | null>;
  /**
   * Called for each try: bytes arrive from `download.offset` on. With offset 0, any kept bytes are of no use.
   *
   * A target that cannot take the bytes throws here, in `write` or in `kept`. The download then errors with `content`.
   */
  readonly begin: (download: Omit<Download, 'bytes$'>) => void;
  /** Takes the next bytes, a view that may be kept. A target that holds too many calls `download.pause()`. */
  readonly write: (bytes: Uint8Array) => void;
}

export interface DownloadProgress {
  /** Bytes that are there, those kept from before included. */
  readonly received: number;
  readonly total: number;
}

export interface Downloads {
  /**
   * Fetches a file into a target. Emits its progress, and completes when the target has every byte and their CRC-32 is
   * that of the server, where the server states one. After a break the download goes on behind the last byte if the
   * file is still the same (by size, modification time, and CRC-32 where the server states it), else from the start.
   *
   * A file whose bytes do not have the server's CRC-32 is fetched once more from the start; if they differ again the
   * download errors with `mismatch`. Everything else fails as an upload does (see `createUploads`). Unsubscribing gives
   * the download up; bytes that still arrive are dropped.
   *
   * @param size the file's size, if it is known: large files are spread over the connections.
   */
  readonly fetch: (filename: string, target: DownloadTarget, size?: number) => Observable<DownloadProgress>;
  /** Like the client's own, but tried again like a download. */
  readonly stat: Client['stat'];
  readonly page: Client['page'];
  /** Emits each failure after which there will be another try. */
  readonly retries$: Observable<Retry>;
  /** Ends the connections in good order once nothing is left to do. Until then they stay, and keep a process alive. */
  readonly end: () => void;
  /** Drops the connections; every unfinished download errors. */
  readonly destroy: () => void;
}

const TARGET = withMethods('an object with `begin` and `write`', ['begin', 'write']);

/**
 * Makes downloads that share up to `parallel` connections, which are made when they are needed.
 *
 * Memory: the bytes that the connections have read, and those that the targets keep.
 *
 * @example
 * const downloads = createDownloads({ connect: () => connectTcp({ host, port }) });
 * const chunks: Uint8Array[] = [];
 * downloads.fetch('a.txt', { begin: () => chunks.splice(0), write: (bytes) => chunks.push(bytes) }).subscribe({
 *   error: (fault) => console.error(describeFault(fault)),
 *   complete: () => console.log(`${chunks.length} chunks`),
 * });
 */
export function createDownloads(options: ConnectionPoolOptions): Downloads {
  const pool = createConnectionPool(options);
  const { crc32 = portableCrc32 } = options;
  return {
    fetch: (filename, target, size = 0) => {
      check('fetch: the filename', filename, TEXT);
      check('fetch: the target', target, TARGET);
      return new Observable((subscriber) =>
        beginDownload({ pool, crc32, filename, target, size, subscriber }),
      );
    },
    stat: (filename) => retriedRequest(pool, (client): Observable<FileInfo> => client.stat(filename)),
    page: (settings?: PageSettings) =>
      retriedRequest(pool, (client): Observable<Listing> => client.page(settings)),
    retries$: pool.retries$,
    end: pool.end,
    destroy: pool.destroy,
  };
}

/** Makes a request that changes nothing on the server, over the pool's connections. */
function retriedRequest<T>(pool: ConnectionPool, ask: (client: Client) => Observable<T>): Observable<T> {
  return new Observable((subscriber) => {
    let running: Subscription | null = null;
    const job: Job = createJob(
      (client) => {
        running = ask(client).subscribe({
          next: (answer) => subscriber.next(answer),
          error: (fault: ClientFault) => pool.failed(job, fault),
          complete: () => {
            pool.madeProgress(job);
            pool.done(job);
            subscriber.complete();
          },
        });
      },
      (fault) => subscriber.error(fault),
      false,
    );
    pool.add(job);
    return () => {
      running?.unsubscribe();
      pool.done(job);
    };
  });
}

interface DownloadJob {
  readonly pool: ConnectionPool;
  readonly crc32: Checksum;
  readonly filename: string;
  readonly target: DownloadTarget;
  readonly size: number;
  readonly subscriber: Subscriber<DownloadProgress>;
}

function beginDownload({ pool, crc32, filename, target, size, subscriber }: DownloadJob): () => void {
  /** Undefined until the target was asked for kept bytes. */
  let partial: PartialDownload | null | undefined;
  let running: Subscription | null = null;
  let restarted = false;

  const job: Job = createJob(
    (client) => {
      running = new Subscription();
      if (partial === undefined) askTarget(client);
      else start(client);
    },
    (fault) => subscriber.error(fault),
    size >= RESUME_THRESHOLD_BYTES,
  );

  function askTarget(client: Client): void {
    partial = null;
    const proceed = (kept: PartialDownload | null) => {
      partial = kept;
      if (!job.over) start(client);
    };
    try {
      const kept = target.kept?.() ?? null;
      if (kept instanceof Promise) kept.then(proceed, failLocally);
      else proceed(kept);
    } catch (thrown) {
      failLocally(thrown);
    }
  }

  function start(client: Client): void {
    if (!partial) fetchFrom(client, 0);
    else checkUnchanged(client, partial);
  }

  /** Looks whether the file is still the same: else the range would be fetched in vain. */
  function checkUnchanged(client: Client, kept: PartialDownload): void {
    const looking = client.stat(filename).subscribe({
      next: (info) => {
        if (!isSame(info, kept.file)) partial = null;
      },
      error: (fault: ClientFault) => pool.failed(job, fault),
      complete: () => fetchFrom(client, partial?.offset ?? 0),
    });
    running?.add(looking);
  }

  function fetchFrom(client: Client, offset: number): void {
    let download: Download | null = null;
    const getting = client.get(filename, offset === 0 ? {} : { offset }).subscribe({
      next: (begun) => {
        download = begun;
        receive(begun);
      },
      error: (fault: ClientFault) => {
        // The file has become shorter since `stat`.
        if (offset > 0 && isRefused(fault, 'bad-range')) return restart();
        pool.failed(job, fault);
      },
      complete: () => {
        if (download !== null) received(download);
      },
    });
    running?.add(getting);
  }

  function receive(download: Download): void {
    const { bytes$, ...about } = download;
    const { offset, size, mtime } = download;
    const known = download.crc32 === undefined ? {} : { crc32: download.crc32 };
    if (offset > 0 && (!partial || partial.offset !== offset || !isSame(download, partial.file)))
      return restart();
    let crc = partial && offset > 0 ? partial.crc32 : 0;
    let at = offset;
    try {
      target.begin(about);
    } catch (thrown) {
      return failLocally(thrown);
    }
    const remember = () => {
      partial = { offset: at, crc32: crc, file: { size, mtime, ...known } };
    };
    remember();
    const reading = bytes$.subscribe({
      next: (bytes) => {
        crc = crc32(bytes, crc);
        at += bytes.length;
        try {
          target.write(bytes);
        } catch (thrown) {
          return failLocally(thrown);
        }
        remember();
        pool.madeProgress(job);
        subscriber.next({ received: at, total: size });
      },
      // The request errors with the same fault.
      error: () => {},
    });
    running?.add(reading);
  }

  function received({ size, crc32: said, filename }: Download): void {
    const got = partial;
    if (!got || got.offset !== size) {
      const message = `the server sent ${got?.offset ?? 0} of the ${size} bytes of ${filename}`;
      return pool.failed(job, { type: 'protocol', message });
    }
    if (said !== undefined && said !== got.crc32) {
      if (!restarted) {
        restarted = true;
        return restart();
      }
      const hex = (crc: number) => crc.toString(16).padStart(8, '0');
      const message = `what was received has the CRC-32 ${hex(got.crc32)}, and the server's file ${hex(said)}`;
      return pool.failed(job, { type: 'mismatch', message });
    }
    pool.done(job);
    subscriber.complete();
  }

  /** Fetches from the start: the bytes that are there belong to another state of the file. */
  function restart(): void {
    partial = null;
    running?.unsubscribe();
    pool.again(job);
  }

  function failLocally(thrown: unknown): void {
    if (job.over) return;
    running?.unsubscribe();
    pool.done(job);
    subscriber.error(contentFault(thrown));
  }

  pool.add(job);
  return () => {
    running?.unsubscribe();
    pool.done(job);
  };
}

/** Whether two states of a file are the same, by what is known of both. */
const isSame = (a: PartialDownload['file'], b: PartialDownload['file']): boolean =>
  a.size === b.size &&
  a.mtime === b.mtime &&
  (a.crc32 === undefined || b.crc32 === undefined || a.crc32 === b.crc32);
