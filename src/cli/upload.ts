/**
 * Sends files over as many connections as are wanted, many requests ahead of their answers, and reports what comes of
 * each. What breaks is tried again by the library; here is only what a command tells of it.
 */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { resolve as absolute } from 'node:path';
import type { Observable } from 'rxjs';
import { type ClientFault, describeFault } from '../client/client-fault.ts';
import { fileContent } from '../client/file-content.ts';
import type { Retry } from '../client/lanes.ts';
import { breaksConnection } from '../client/retry.ts';
import { createUploads, type UploadSettings } from '../client/uploads.ts';
import { crc32 } from '../store/crc32.ts';
import type { Connection } from '../transport/connection.ts';
import type { Failure, Report } from './report.ts';
import type { Transfer } from './transfer.ts';

/** Files subscribed to for each connection: more than it has requests under way, so that it never runs dry. */
const ahead = 512;

export interface Uploaded {
  readonly files: number;
  readonly bytes: number;
  readonly failed: number;
  /** The files that were given up because the connection is gone, and why it is. Null when all were tried. */
  readonly lost: { readonly files: number; readonly why: string } | null;
}

export interface UploadWorld {
  readonly connect$: Observable<Connection>;
  readonly token: string | null;
  readonly report: Report;
  readonly settings: UploadSettings;
  /** Further tries after one that achieved nothing. */
  readonly retries: number;
  /** Connections at once. */
  readonly parallel: number;
}

export function upload(transfers: readonly Transfer[], world: UploadWorld): Promise<Uploaded> {
  const { connect$, token, report, settings, retries, parallel } = world;
  const uploads = createUploads({
    connect: () => connect$,
    ...(token === null ? {} : { token }),
    retries,
    parallel,
    crc32,
    sha256: () => {
      const hash = createHash('sha256');
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
    },
  });
  uploads.retries$.subscribe((retry) => report.retry(retryInWords(retry)));
  return new Promise((resolve) => {
    const counts = { files: 0, bytes: 0, failed: 0 };
    let next = 0;
    let underWay = 0;
    let lost: { files: number; why: string } | null = null;

    function step(): void {
      while (underWay < ahead * parallel && next < transfers.length) send(transfers[next++]!);
      if (underWay > 0) return;
      uploads.end();
      resolve({ ...counts, lost });
    }

    function send(transfer: Transfer): void {
      underWay++;
      const { filename, path } = transfer;
      const source = `${hostname()}:${absolute(path)}`;
      uploads
        .upload(filename, () => fileContent(path), { ...settings, source })
        .subscribe({
          next: (event) => {
            if (event.type === 'progress') return report.progress(transfer, event.sent, event.durable);
            const { size, crc32, durable } = event;
            counts.files++;
            counts.bytes += size;
            report.done(transfer, size, { crc32, durable });
          },
          error: (fault: ClientFault) => {
            failed(transfer, fault);
            over();
          },
          complete: over,
        });
    }

    function failed(transfer: Transfer, fault: ClientFault): void {
      if (breaksConnection(fault)) {
        lost = { files: (lost?.files ?? 0) + 1, why: describeFault(fault) };
        return;
      }
      counts.failed++;
      report.failed(transfer, failureOf(fault));
    }

    function over(): void {
      underWay--;
      step();
    }
    step();
  });
}

/** @example 'connection refused: trying again in 0.8 s, 2 of 5' */
export const retryInWords = ({ fault, delay, attempt, retries }: Retry): string =>
  `${describeFault(fault)}: trying again in ${(delay / 1000).toFixed(1)} s, ${attempt} of ${retries}`;

export function failureOf(fault: ClientFault): Failure {
  const message = describeFault(fault);
  return fault.type === 'refused' ? { message, code: fault.error.code } : { message };
}
