/**
 * Sends files over one connection, many requests ahead of their answers, and reports what comes of each.
 *
 * A put that breaks off in the middle (its file changed, or it was refused with much left to send) costs the connection,
 * not the others: they are sent on a new one. Each new connection has ended at least one file for good, so there
 * are no more of them than files.
 */
import { type Client, createClient } from '../client/client.ts';
import { type ClientFault, describeFault } from '../client/client-fault.ts';
import { fileContent } from '../client/file-content.ts';
import type { PutSettings } from '../client/put.ts';
import { crc32 } from '../store/crc32.ts';
import type { Connection } from '../transport/connection.ts';
import { closing } from './closing.ts';
import type { Failure, Report } from './report.ts';
import { isStop } from './stop.ts';
import type { Transfer } from './transfer.ts';

/** Files under way at once: as many as a server answers at once. */
const ahead = 256;

export interface Uploaded {
  readonly files: number;
  readonly bytes: number;
  readonly failed: number;
  /** The files that were given up because the connection is gone, and why it is. Null when all were tried. */
  readonly lost: { readonly files: number; readonly why: string } | null;
}

export interface UploadWorld {
  readonly connect: () => Promise<Connection>;
  readonly report: Report;
  readonly settings: PutSettings;
}

export async function upload(transfers: readonly Transfer[], world: UploadWorld): Promise<Uploaded> {
  const counts = { files: 0, bytes: 0, failed: 0 };
  let left: readonly Transfer[] = transfers;
  while (left.length > 0) {
    let connection: Connection;
    try {
      connection = await world.connect();
    } catch (thrown) {
      if (left === transfers || !isStop(thrown)) throw thrown;
      return { ...counts, lost: { files: left.length, why: thrown.message ?? '' } };
    }
    const client = createClient(connection, { crc32, window: ahead });
    const pass = await sendAll(client, left, world, counts);
    if (pass.fault !== null) {
      client.destroy();
      const lost = { files: pass.again.length, why: describeFault(pass.fault) };
      return { ...counts, lost };
    }
    client.end();
    await closing(client);
    left = pass.again;
  }
  return { ...counts, lost: null };
}

interface Pass {
  /** What has to be sent again, in order: all that is not settled. */
  readonly again: readonly Transfer[];
  /** Why the connection is gone, unless we dropped it for the sake of one put. */
  readonly fault: ClientFault | null;
}

function sendAll(
  client: Client,
  transfers: readonly Transfer[],
  { report, settings }: UploadWorld,
  counts: { files: number; bytes: number; failed: number },
): Promise<Pass> {
  return new Promise((resolve) => {
    const again: Transfer[] = [];
    let next = 0;
    let underWay = 0;
    let settled = 0;
    let fault: ClientFault | null = null;
    /** Why the last one failed that is to be sent again. */
    let last: ClientFault | null = null;

    function step(): void {
      while (underWay < ahead && next < transfers.length && last === null) send(transfers[next++]!);
      if (underWay > 0) return;
      // Dropped by us, but not for one file's sake: there would be no end to trying again.
      if (settled === 0) fault ??= last;
      resolve({ again: [...again, ...transfers.slice(next)], fault });
    }

    function send(transfer: Transfer): void {
      underWay++;
      client
        .put(transfer.filename, () => fileContent(transfer.path), settings)
        .subscribe({
          next: (event) => {
            if (event.type === 'progress') return report.progress(transfer, event.sent);
            const { size, crc32, durable } = event;
            counts.files++;
            counts.bytes += size;
            report.done(transfer, size, { crc32, durable });
          },
          error: (failed: ClientFault) => over(() => refused(transfer, failed)),
          complete: () => over(() => settled++),
        });
    }

    function refused(transfer: Transfer, failed: ClientFault): void {
      if (failed.type === 'connection' || failed.type === 'protocol') {
        last = failed;
        again.push(transfer);
        if (!isOurs(failed)) fault = failed;
        return;
      }
      settled++;
      counts.failed++;
      report.failed(transfer, failureOf(failed));
    }

    function over(what: () => void): void {
      what();
      underWay--;
      step();
    }
    step();
  });
}

const isOurs = (fault: ClientFault): boolean =>
  fault.type === 'connection' && fault.fault.code === 'destroyed';

export function failureOf(fault: ClientFault): Failure {
  const message = describeFault(fault);
  return fault.type === 'refused' ? { message, code: fault.error.code } : { message };
}
