/**
 * Sends files, with many requests before their answers, and reports the result of each.
 *
 * The uploads themselves try again when a connection breaks. When they give the server up, this does too. The number of
 * files at once is bounded for each connection. A file that waits for its turn is not open.
 */
import { hostname } from 'node:os';
import { resolve as absolute } from 'node:path';
import type { Observable } from 'rxjs';
import { isClientFault } from '../../client/client-fault.ts';
import type { Content } from '../../client/content/content.ts';
import { fileContent } from '../../client/content/file-content.ts';
import { mostConnections } from '../../client/pool/growth.ts';
import { RESUME_THRESHOLD_BYTES, type UploadSettings } from '../../client/transfers/upload.ts';
import { createUploads, type Uploads } from '../../client/transfers/uploads.ts';
import type { Connection } from '../../transport/connection.ts';
import type { Report, Transfer } from './report/report.ts';
import { reportRetries } from './retry-options.ts';
import {
  countArrived,
  countFault,
  createTally,
  resultOf,
  type Tally,
  type TransferResult,
  toBegin,
  transferFaultOf,
} from './tally.ts';
import { createTries } from './tries.ts';
import { type WorkEnd, workLazily } from './work-lazily.ts';

/** Files sent at once on each connection: as many as a server works on at once. */
const FILES_AT_ONCE = 256;

export interface UploadDeps {
  readonly connect: () => Observable<Connection>;
  readonly report: Report;
  readonly settings: Pick<UploadSettings, 'ifAbsent' | 'resume' | 'verify'>;
  /** Opens what is sent; default the file at the path. */
  readonly contentOf?: (transfer: Transfer) => Content;
  /** Sent to the server first; null for no token. */
  readonly token?: string | null;
  readonly retries?: number;
  /** Connections. */
  readonly parallel?: number | 'auto';
  /** The most of them with `auto`. */
  readonly parallelMax?: number;
  /** Unfinished files of which the server keeps the bytes it has: the same command would resume them. */
  readonly kept?: Set<Transfer>;
}

export async function upload(transfers: readonly Transfer[], deps: UploadDeps): Promise<TransferResult> {
  const { connect, token = null, retries = 5, parallel = 1, parallelMax } = deps;
  const uploads = createUploads({
    connect,
    retries,
    parallel,
    ...(parallelMax === undefined ? {} : { parallelMax }),
    window: FILES_AT_ONCE,
    ...(token === null ? {} : { token }),
  });
  reportRetries(uploads.retries$, deps.report);
  try {
    const result = await sendAll(
      uploads,
      transfers,
      deps,
      FILES_AT_ONCE * mostConnections(parallel, parallelMax),
    );
    uploads.end();
    return result;
  } catch (thrown) {
    uploads.destroy();
    throw thrown;
  }
}

async function sendAll(
  uploads: Uploads,
  transfers: readonly Transfer[],
  deps: UploadDeps,
  concurrency: number,
): Promise<TransferResult> {
  const tally = createTally(transfers);
  await workLazily(toBegin(tally), (transfer, end) => send(uploads, transfer, deps, tally, end), concurrency);
  return resultOf(tally);
}

/** Sends one file; it ends when its result was counted and reported. */
function send(
  uploads: Uploads,
  transfer: Transfer,
  { report, settings, kept, contentOf = ({ path }) => fileContent(path) }: UploadDeps,
  tally: Tally,
  { ended, failed }: WorkEnd,
): void {
  const { path, filename } = transfer;
  const resumable = settings.resume !== false && transfer.size >= RESUME_THRESHOLD_BYTES;
  const named = resumable ? { ...settings, source: sourceOf(path) } : settings;
  const tries = createTries((from) => report.resumed(transfer, from));
  uploads
    .upload(filename, () => contentOf(transfer), named)
    .subscribe({
      next: (event) => {
        if (event.type === 'progress') {
          if (resumable) kept?.add(transfer);
          tries.at(event);
          return report.progress(transfer, event.sent, resumable ? event.durable : undefined);
        }
        const { size, crc32, durable, resumedFrom } = event;
        const before = tries.before();
        countArrived(tally, size, before);
        kept?.delete(transfer);
        const details = { crc32, durable, ...(resumedFrom > 0 ? { resumedFrom } : {}) };
        report.done(transfer, size, { before, details });
      },
      error: (thrown: unknown) => {
        if (!isClientFault(thrown)) return failed(thrown);
        if (countFault(tally, thrown)) {
          kept?.delete(transfer);
          report.failed(transfer, transferFaultOf(thrown, 'read'));
        }
        ended();
      },
      complete: ended,
    });
}

/** Identifies the source of an upload. The host is part of it: another machine's file is another file. */
const sourceOf = (path: string): string => `${hostname()}:${absolute(path)}`;
