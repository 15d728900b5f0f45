/**
 * Sends files, with many requests before their answers, and reports the result of each.
 *
 * The uploads themselves try again when a connection breaks. When they give the server up, this does too. The number of
 * files at once is bounded for each connection. A file that waits for its turn is not open.
 */
import { hostname } from 'node:os';
import { resolve as absolute } from 'node:path';
import type { Observable } from 'rxjs';
import { type ClientFault, describeFault } from '../../client/client-fault.ts';
import { fileContent } from '../../client/content/file-content.ts';
import { sha256 } from '../../client/content/sha256.ts';
import { breaksConnection } from '../../client/pool/retry.ts';
import { RESUME_THRESHOLD_BYTES, type UploadSettings } from '../../client/transfers/upload.ts';
import { createUploads, type Uploads } from '../../client/transfers/uploads.ts';
import type { Doing } from '../../files/protocol/system-words.ts';
import { crc32 } from '../../store/crc32.ts';
import type { Connection } from '../../transport/connection.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { faultInWords } from '../shared/fault-words.ts';
import type { Report, Transfer, TransferFault } from './report.ts';
import { reportRetries } from './retry-options.ts';
import { createTries } from './tries.ts';

/** Files sent at once on each connection: as many as a server works on at once. */
const FILES_AT_ONCE = 256;

export interface Uploaded {
  readonly files: number;
  readonly bytes: number;
  readonly failed: number;
  /** Bytes of those files that this run has sent. */
  readonly transferred: number;
  /** The files that were given up together with the server, and why. Null when all files were tried. */
  readonly givenUp: GivenUp | null;
}

export interface GivenUp {
  readonly files: number;
  readonly why: string;
  readonly status: typeof exitStatus.connection | typeof exitStatus.failed;
}

export interface UploadDeps {
  readonly connect: () => Observable<Connection>;
  readonly report: Report;
  readonly settings: Pick<UploadSettings, 'ifAbsent' | 'resume' | 'verify'>;
  /** Sent to the server first; null for no token. */
  readonly token?: string | null;
  readonly retries?: number;
  /** Connections. */
  readonly parallel?: number;
  /** Unfinished files of which the server keeps the bytes it has: the same command would resume them. */
  readonly kept?: Set<Transfer>;
}

export function upload(transfers: readonly Transfer[], deps: UploadDeps): Promise<Uploaded> {
  const { connect, token = null, retries = 5, parallel = 1 } = deps;
  const uploads = createUploads({
    connect,
    retries,
    parallel,
    crc32,
    window: FILES_AT_ONCE,
    sha256,
    ...(token === null ? {} : { token }),
  });
  reportRetries(uploads.retries$, deps.report);
  return sendAll(uploads, transfers, deps, FILES_AT_ONCE * parallel).finally(uploads.end);
}

function sendAll(
  uploads: Uploads,
  transfers: readonly Transfer[],
  { report, settings, kept }: UploadDeps,
  concurrency: number,
): Promise<Uploaded> {
  return new Promise((resolve) => {
    const counts = { files: 0, bytes: 0, transferred: 0, failed: 0 };
    let next = 0;
    let underWay = 0;
    /** Files that were tried, and whose result is unknown because the server was given up. */
    let undecided = 0;
    let fatalFault: ClientFault | null = null;

    function step(): void {
      while (underWay < concurrency && next < transfers.length && fatalFault === null)
        send(transfers[next++]!);
      if (underWay > 0) return;
      const files = undecided + transfers.length - next;
      resolve({ ...counts, givenUp: fatalFault === null ? null : { files, ...reasonOf(fatalFault) } });
    }

    function send(transfer: Transfer): void {
      underWay++;
      const { path, filename, size } = transfer;
      const resumable = settings.resume !== false && size >= RESUME_THRESHOLD_BYTES;
      const named = resumable ? { ...settings, source: sourceOf(path) } : settings;
      const tries = createTries((from) => report.resumed(transfer, from));
      uploads
        .upload(filename, () => fileContent(path), named)
        .subscribe({
          next: (event) => {
            if (event.type === 'progress') {
              if (resumable) kept?.add(transfer);
              tries.at(event);
              return report.progress(transfer, event.sent, resumable ? event.durable : undefined);
            }
            const { size, crc32, durable, resumedFrom } = event;
            const before = tries.before();
            counts.files++;
            counts.bytes += size;
            counts.transferred += size - before;
            kept?.delete(transfer);
            const details = { crc32, durable, ...(resumedFrom > 0 ? { resumedFrom } : {}) };
            report.done(transfer, size, { before, details });
          },
          error: (fault: ClientFault) => {
            if (endsAll(fault)) {
              fatalFault ??= fault;
              undecided++;
            } else {
              counts.failed++;
              kept?.delete(transfer);
              report.failed(transfer, transferFaultOf(fault, 'read'));
            }
            settle();
          },
          complete: settle,
        });
    }

    function settle(): void {
      underWay--;
      step();
    }
    step();
  });
}

/** Identifies the source of an upload. The host is part of it: another machine's file is another file. */
const sourceOf = (path: string): string => `${hostname()}:${absolute(path)}`;

/** Whether a fault concerns all files, not one. */
export const endsAll = (fault: ClientFault): boolean =>
  breaksConnection(fault) || (fault.type === 'refused' && fault.error.code === 'bad-token');

export const reasonOf = (fault: ClientFault): Omit<GivenUp, 'files'> => ({
  why: describeFault(fault),
  status: breaksConnection(fault) ? exitStatus.connection : exitStatus.failed,
});

/** @param doing what the command was doing to the file on this machine. */
export function transferFaultOf(fault: ClientFault, doing: Doing): TransferFault {
  const message = faultInWords(fault, doing);
  return fault.type === 'refused' ? { message, code: fault.error.code } : { message };
}
