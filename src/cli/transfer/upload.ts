/**
 * Sends files, many requests ahead of their answers, and reports what comes of each.
 *
 * Whatever breaks is tried again by the uploads themselves; when they give up on the server, so does this. Files under
 * way are bounded by a count for each connection; a file that waits for its turn is not open.
 */
import { hostname } from 'node:os';
import { resolve as absolute } from 'node:path';
import type { Observable } from 'rxjs';
import { type ClientFault, describeFault } from '../../client/client-fault.ts';
import { fileContent } from '../../client/content/file-content.ts';
import { sha256 } from '../../client/content/sha256.ts';
import {
  createUploads,
  RESUME_THRESHOLD_BYTES,
  type UploadSettings,
  type Uploads,
} from '../../client/transfers/uploads.ts';
import type { Doing } from '../../files/protocol/system-words.ts';
import { crc32 } from '../../store/crc32.ts';
import type { Connection } from '../../transport/connection.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { faultInWords } from '../shared/fault-words.ts';
import { breaks } from '../shared/with-client.ts';
import type { Report, Transfer, TransferFault } from './report.ts';
import { reportRetries } from './retry-options.ts';
import { createTries } from './tries.ts';

/** Files under way at once on each connection: as many as a server answers at once. */
const FILES_AT_ONCE = 256;

export interface Uploaded {
  readonly files: number;
  readonly bytes: number;
  readonly failed: number;
  /** As many of the bytes as the server did not have when this run began. */
  readonly transferred: number;
  /** The files that were given up because the server is, and why it is. Null when all were tried. */
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
  /** Said to the server first; null for nothing. */
  readonly token?: string | null;
  readonly retries?: number;
  /** Connections. */
  readonly parallel?: number;
  /** Files of which the server keeps what it has while they are under way: the same command would go on with them. */
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
    /** Files that were tried, and of which it is not known what came of them. */
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

/** What the source of an upload is called, beside its name, size and time: another machine's file is another one. */
const sourceOf = (path: string): string => `${hostname()}:${absolute(path)}`;

/** It is not about one file. */
export const endsAll = (fault: ClientFault): boolean =>
  breaks(fault) || (fault.type === 'refused' && fault.error.code === 'bad-token');

export const reasonOf = (fault: ClientFault): Omit<GivenUp, 'files'> => ({
  why: describeFault(fault),
  status: breaks(fault) ? exitStatus.connection : exitStatus.failed,
});

/** @param doing what was to be done to the file on this machine. */
export function transferFaultOf(fault: ClientFault, doing: Doing): TransferFault {
  const message = faultInWords(fault, doing);
  return fault.type === 'refused' ? { message, code: fault.error.code } : { message };
}
