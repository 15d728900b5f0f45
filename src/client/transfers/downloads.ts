/** Downloads that survive broken connections: each goes on behind the last byte that arrived. */
import { Observable, type Subscription } from 'rxjs';
import type { FileInfo, Listing } from '../../files/protocol/file.ts';
import { check, checkOptions, TEXT, withMethods } from '../../wire/argument.ts';
import type { Client } from '../client.ts';
import { ClientError } from '../client-fault.ts';
import { clientFault } from '../content/read-content.ts';
import { PAGE_RULES, type PageSettings, STAT_RULES } from '../list.ts';
import { type ConnectionPool, createConnectionPool } from '../pool/connection-pool.ts';
import { CONNECTION_POOL_RULES, type ConnectionPoolOptions, type Retry } from '../pool/pool-options.ts';
import { createJob, type Job } from '../pool/pool-state.ts';
import { beginDownload } from './download-job.ts';
import type { DownloadProgress, DownloadTarget } from './download-target.ts';

/** Downloads that survive broken connections: what `createDownloads` returns. */
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
  /** As `Client.stat`, but tried again like a download. */
  readonly stat: Client['stat'];
  /** As `Client.page`, but tried again like a download. */
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
 * const downloads = createDownloads({ connect: () => connectTcp({ host: '192.0.2.7', port: 8080 }) });
 * const chunks: Uint8Array[] = [];
 * downloads.fetch('a.txt', { begin: () => chunks.splice(0), write: (bytes) => chunks.push(bytes) }).subscribe({
 *   error: (error) => console.error(error.message),
 *   complete: () => console.log(`${chunks.length} chunks`),
 * });
 */
export function createDownloads(options: ConnectionPoolOptions): Downloads {
  checkOptions('createDownloads', options, CONNECTION_POOL_RULES);
  const pool = createConnectionPool(options);
  return {
    fetch: (filename, target, size = 0) => {
      check('fetch: the filename', filename, TEXT);
      check('fetch: the target', target, TARGET);
      return new Observable((subscriber) => beginDownload({ pool, filename, target, size, subscriber }));
    },
    stat: (filename, settings = {}) => {
      checkOptions('stat', settings, STAT_RULES);
      return retriedRequest(pool, (client): Observable<FileInfo> => client.stat(filename, settings));
    },
    page: (settings: PageSettings = {}) => {
      checkOptions('page', settings, PAGE_RULES);
      return retriedRequest(pool, (client): Observable<Listing> => client.page(settings));
    },
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
          error: (error: unknown) => pool.failed(job, clientFault(error)),
          complete: () => {
            pool.madeProgress(job);
            pool.done(job);
            subscriber.complete();
          },
        });
      },
      (fault) => subscriber.error(new ClientError(fault)),
      false,
    );
    pool.add(job);
    return () => {
      running?.unsubscribe();
      pool.done(job);
    };
  });
}
