/** Sends files to a peer that never replies. It is known only that the peer has taken them. */
import { firstValueFrom } from 'rxjs';
import { describeFault, isClientFault } from '../../client/client-fault.ts';
import { fileContent } from '../../client/content/file-content.ts';
import {
  createUnacknowledgedSender,
  type UnacknowledgedSender,
} from '../../client/pipeline/unacknowledged-sender.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { faultInWords } from '../shared/fault-words.ts';
import { connected } from '../shared/server-option.ts';
import type { Transfer } from './report/report.ts';
import { badNameFault, type Counts, countArrived, noCounts, type TransferResult } from './tally.ts';
import type { UploadDeps } from './upload.ts';
import { type WorkEnd, workLazily } from './work-lazily.ts';

/** Files given to the sender at once; it reads one at a time. */
const FILES_AT_ONCE = 64;
/** Milliseconds that the peer has to end its side once ours is ended; the system's buffers empty in that time. */
const LINGER_MS = 60_000;

/** Refuses bad names itself, since the peer cannot. */
export async function sendUnacknowledged(
  transfers: readonly Transfer[],
  deps: UploadDeps,
): Promise<TransferResult> {
  const counts = noCounts();
  let unsent: readonly Transfer[] = transfers.filter((transfer) => {
    const fault = badNameFault(transfer.filename);
    if (fault === null) return true;
    counts.failed++;
    deps.report.failed(transfer, { message: fault.message });
    return false;
  });
  const status = exitStatus.connection;
  while (unsent.length > 0) {
    const sender = createUnacknowledgedSender(await connected(deps.connect()));
    const again = await sendAll(sender, unsent, deps, counts);
    const fault = await ended(sender);
    if (fault !== null) return { ...counts, givenUp: { files: again.length, why: fault, status } };
    if (again.length === unsent.length) {
      return { ...counts, givenUp: { files: again.length, why: 'the peer takes nothing', status } };
    }
    unsent = again;
  }
  return { ...counts, givenUp: null };
}

/** Answers the files that were not sent, because the connection ended before their turn. */
async function sendAll(
  sender: UnacknowledgedSender,
  transfers: readonly Transfer[],
  { report, contentOf = ({ path }) => fileContent(path) }: UploadDeps,
  counts: Counts,
): Promise<readonly Transfer[]> {
  const again: Transfer[] = [];
  let next = 0;
  function* toSend(): Iterable<Transfer> {
    while (next < transfers.length && again.length === 0) yield transfers[next++]!;
  }
  const send = (transfer: Transfer, { ended, failed }: WorkEnd): void => {
    sender
      .put(transfer.filename, () => contentOf(transfer))
      .subscribe({
        next: (event) => {
          if (event.type === 'progress') return report.progress(transfer, event.sent);
          countArrived(counts, event.size, 0);
          report.done(transfer, event.size, { before: 0, details: { crc32: event.crc32 } });
        },
        error: (thrown: unknown) => {
          if (!isClientFault(thrown)) return failed(thrown);
          if (thrown.code === 'connection') again.push(transfer);
          else {
            counts.failed++;
            report.failed(transfer, { message: faultInWords(thrown, 'read') });
          }
          ended();
        },
        complete: ended,
      });
  };
  try {
    await workLazily(toSend(), send, FILES_AT_ONCE);
  } catch (thrown) {
    sender.destroy();
    throw thrown;
  }
  return [...again, ...transfers.slice(next)];
}

/** Ends our side, and waits for the peer to end its own. Answers null, or what went wrong. */
async function ended(sender: UnacknowledgedSender): Promise<string | null> {
  try {
    const inTime = await firstValueFrom(sender.end(LINGER_MS));
    return inTime ? null : `the peer has not ended the connection within ${LINGER_MS / 1000} s`;
  } catch (thrown) {
    if (isClientFault(thrown)) return describeFault(thrown);
    throw thrown;
  }
}
