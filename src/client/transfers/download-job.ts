/**
 * A download over the connections of a pool: one try after the other, each from the byte behind the last one that has
 * arrived.
 *
 *   the target has                              the try
 *   nothing                                     fetches all of it
 *   bytes of the file in its present state      fetches the bytes behind them
 *   bytes of another state of the file          fetches all of it
 *   all bytes, but with another CRC-32          fetches all of it again, once
 */

import { type Subscriber, Subscription } from 'rxjs';
import { crc32 } from '#checksums';
import { hexDigits } from '../../base/bytes.ts';
import type { Client } from '../client.ts';
import { ClientError } from '../client-fault.ts';
import { clientFault, contentFault } from '../content/read-content.ts';
import type { Download } from '../get.ts';
import type { ConnectionPool } from '../pool/connection-pool.ts';
import { createJob, type Job } from '../pool/pool-state.ts';
import { isRefused } from '../pool/retry.ts';
import {
  type DownloadProgress,
  type DownloadTarget,
  isSameFile,
  type PartialDownload,
} from './download-target.ts';
import { RESUME_THRESHOLD_BYTES } from './upload.ts';

export interface DownloadRequest {
  readonly pool: ConnectionPool;
  readonly filename: string;
  readonly target: DownloadTarget;
  /** The file's size, if it is known; else 0. */
  readonly size: number;
  readonly subscriber: Subscriber<DownloadProgress>;
}

interface DownloadState extends Omit<DownloadRequest, 'size'> {
  readonly job: Job;
  /** The bytes that the target has; null for none, undefined until the target was asked for kept bytes. */
  partial: PartialDownload | null | undefined;
  /** This try. */
  running: Subscription | null;
  /** The file was fetched again because its bytes did not have the server's CRC-32. That is done once. */
  restarted: boolean;
}

/** Answers a function that gives the download up. */
export function beginDownload(request: DownloadRequest): () => void {
  const { pool, filename, target, size, subscriber } = request;
  const job = createJob(
    (client) => beginTry(download, client),
    (fault) => subscriber.error(new ClientError(fault)),
    size >= RESUME_THRESHOLD_BYTES,
  );
  // Field by field, here and below: to copy an object costs as much as all else that is done with a small file.
  const download: DownloadState = {
    pool,
    filename,
    target,
    subscriber,
    job,
    partial: undefined,
    running: null,
    restarted: false,
  };
  pool.add(job);
  return () => {
    download.running?.unsubscribe();
    pool.done(job);
  };
}

function beginTry(download: DownloadState, client: Client): void {
  download.running = new Subscription();
  if (download.partial === undefined) askTarget(download, client);
  else start(download, client);
}

/** Asks the target for bytes that were kept from an earlier run. */
function askTarget(download: DownloadState, client: Client): void {
  download.partial = null;
  const proceed = (kept: PartialDownload | null) => {
    download.partial = kept;
    if (!download.job.over) start(download, client);
  };
  try {
    const kept = download.target.kept?.() ?? null;
    if (kept instanceof Promise) kept.then(proceed, (thrown) => failLocally(download, thrown));
    else proceed(kept);
  } catch (thrown) {
    failLocally(download, thrown);
  }
}

function start(download: DownloadState, client: Client): void {
  if (!download.partial) fetchFrom(download, client, 0);
  else checkUnchanged(download, client, download.partial);
}

/** Looks whether the file is still the same: else the range would be fetched in vain. */
function checkUnchanged(download: DownloadState, client: Client, kept: PartialDownload): void {
  const { pool, job, filename } = download;
  const looking = client.stat(filename).subscribe({
    next: (info) => {
      if (!isSameFile(info, kept.file)) download.partial = null;
    },
    error: (error: unknown) => pool.failed(job, clientFault(error)),
    complete: () => fetchFrom(download, client, download.partial?.offset ?? 0),
  });
  download.running?.add(looking);
}

function fetchFrom(download: DownloadState, client: Client, offset: number): void {
  const { pool, job, filename } = download;
  let arriving: Download | null = null;
  const getting = client.get(filename, offset === 0 ? undefined : { offset }).subscribe({
    next: (begun) => {
      arriving = begun;
      receive(download, begun);
    },
    error: (error: unknown) => {
      // The file has become shorter since `stat`.
      if (offset > 0 && isRefused(error, 'bad-range')) return restart(download);
      pool.failed(job, clientFault(error));
    },
    complete: () => {
      if (arriving !== null) finish(download, arriving);
    },
  });
  download.running?.add(getting);
}

/** Passes the bytes that arrive to the target, and notes how many there are. */
function receive(download: DownloadState, begun: Download): void {
  const { pool, job, target, subscriber, partial } = download;
  const { size, mtime, offset, bytes$ } = begun;
  const file = begun.crc32 === undefined ? { size, mtime } : { size, mtime, crc32: begun.crc32 };
  if (offset > 0 && (!partial || partial.offset !== offset || !isSameFile(file, partial.file))) {
    return restart(download);
  }
  let crc = partial && offset > 0 ? partial.crc32 : 0;
  let at = offset;
  try {
    target.begin(withoutBytes(begun));
  } catch (thrown) {
    return failLocally(download, thrown);
  }
  download.partial = { offset: at, crc32: crc, file };
  const reading = bytes$.subscribe({
    next: (bytes) => {
      crc = crc32(bytes, crc);
      at += bytes.length;
      try {
        target.write(bytes);
      } catch (thrown) {
        return failLocally(download, thrown);
      }
      download.partial = { offset: at, crc32: crc, file };
      pool.madeProgress(job);
      subscriber.next({ received: at, total: size });
    },
    // The request errors with the same error.
    error: () => {},
  });
  download.running?.add(reading);
}

function withoutBytes(download: Download): Omit<Download, 'bytes$'> {
  const { filename, size, mtime, crc32, offset, length, pause, resume } = download;
  return crc32 === undefined
    ? { filename, size, mtime, offset, length, pause, resume }
    : { filename, size, mtime, crc32, offset, length, pause, resume };
}

/** Checks the bytes that have arrived against what the server says of the file. */
function finish(download: DownloadState, { size, crc32, filename }: Download): void {
  const { pool, job, partial } = download;
  if (!partial || partial.offset !== size) {
    const message = `the server sent ${partial?.offset ?? 0} of the ${size} bytes of ${filename}`;
    return pool.failed(job, { code: 'protocol', message });
  }
  if (crc32 !== undefined && crc32 !== partial.crc32) {
    if (!download.restarted) {
      download.restarted = true;
      return restart(download);
    }
    const [got, said] = [hexDigits(partial.crc32, 8), hexDigits(crc32, 8)];
    const message = `what was received has the CRC-32 ${got}, and the server's file ${said}`;
    return pool.failed(job, { code: 'mismatch', message });
  }
  pool.done(job);
  download.subscriber.complete();
}

/** Fetches from the start: the bytes that are there belong to another state of the file. */
function restart(download: DownloadState): void {
  download.partial = null;
  download.running?.unsubscribe();
  download.pool.again(download.job);
}

/** The target cannot take the bytes. */
function failLocally({ pool, job, running, subscriber }: DownloadState, thrown: unknown): void {
  if (job.over) return;
  running?.unsubscribe();
  pool.done(job);
  subscriber.error(new ClientError(contentFault(thrown)));
}
