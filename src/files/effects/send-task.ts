/**
 * Sends one file: the next piece is read while the last one is on its way.
 *
 * The credit window of the connection lends each piece. So everything that is read and not yet sent is within the
 * budget, however many peers ask for files and read nothing: at most `PIECES_AHEAD` pieces for each, and one small
 * piece while the budget is used up.
 */
import type { Flow } from '../../actor/flow.ts';
import type { Source } from '../../store/contract.ts';
import type { ServiceFault } from '../protocol/errors.ts';
import { callStore } from './call-store.ts';
import { acquirePiece, PIECE_BYTES, releasePiece } from './piece-memory.ts';

const PIECES_AHEAD = 2;
/** With less room in the budget, pieces are half as long, so that more files can be sent at once. */
const ROOM_BYTES = 64 * PIECE_BYTES;

export interface SendTaskDeps {
  /** A file is read in the connection's turns, so that a connection that sends does not keep the others waiting. */
  readonly flow: Pick<Flow, 'isFree' | 'lend' | 'repay' | 'inTurn' | 'write'>;
  readonly onInternalError: (thrown: unknown) => void;
}

/** What of a file is being sent, and how far it is. */
export interface SendProgress {
  readonly offset: number;
  readonly length: number;
  /** The bytes that were sent. */
  bytes: number;
  /** Whether the store is being read. */
  isReading: boolean;
}

/** The result of sending a file: the bytes that were sent, and the failure that ended it before all were. */
export interface Sent {
  readonly bytes: number;
  readonly failed: 'read' | 'write' | null;
  /** Why it could not be read; null when the file has become shorter. */
  readonly error: ServiceFault | null;
}

/**
 * Sends `length` bytes of the source from `offset`, and keeps `progress`. Calls `done` once nothing of that is under way. Does not close
 * the source.
 */
export function sendFile(
  deps: SendTaskDeps,
  source: Source,
  progress: SendProgress,
  done: (sent: Sent) => void,
): void {
  const { flow } = deps;
  const { inTurn } = flow;
  const { offset } = progress;
  const end = offset + progress.length;
  let at = offset;
  let inFlight = 0;
  let failed: Sent['failed'] = null;
  let error: Sent['error'] = null;
  let isDone = false;

  const step = () => {
    // Pieces that settle together call this once each.
    if (progress.isReading || isDone) return;
    const isOver = failed !== null || at === end;
    if (isOver && inFlight === 0) {
      isDone = true;
      return done({ bytes: progress.bytes, failed, error });
    }
    if (isOver || inFlight === PIECES_AHEAD) return;
    // When nothing is lent now, a piece is in flight, and what it was lent is repaid when it settles.
    const most = flow.isFree(ROOM_BYTES) ? PIECE_BYTES : PIECE_BYTES / 2;
    const lent = flow.lend(Math.min(most, end - at));
    if (lent > 0) readPiece(lent);
  };

  const readPiece = (lent: number) => {
    progress.isReading = true;
    const memory = acquirePiece(lent);
    callStore(
      () => source.read(at, lent, memory),
      deps.onInternalError,
      (outcome) =>
        inTurn(() => {
          progress.isReading = false;
          // A file that has become shorter while it is read cannot be sent as it was promised.
          if (outcome.ok && outcome.value.length > 0) sendPiece(outcome.value, lent, memory);
          else {
            flow.repay(lent);
            failed ??= 'read';
            if (!outcome.ok) error = outcome.error;
          }
          step();
        }),
    );
  };

  const sendPiece = (piece: Uint8Array, lent: number, memory: Uint8Array | undefined) => {
    at += piece.length;
    inFlight++;
    flow.write(piece, (fault) => {
      inFlight--;
      flow.repay(lent);
      // The memory of a write that has failed may still be read by the system, and is left to the garbage collector.
      if (fault) failed = 'write';
      else {
        progress.bytes += piece.length;
        releasePiece(memory);
      }
      inTurn(step);
    });
  };

  step();
}
