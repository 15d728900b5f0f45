/**
 * One file, being sent: read ahead by a piece while the last one is on its way.
 *
 * Each piece is lent by the connection's window, so what is read and not yet the peer's is within the budget, however
 * many peers ask for files and read nothing: at most `PIECES_AHEAD` pieces, and while the budget is used up one small one.
 */
import type { Source } from '../store/contract.ts';
import type { ConnectionFault } from '../transport/connection.ts';
import { callStore } from './call-store.ts';
import type { CreditWindow } from './credit.ts';

const PIECE_BYTES = 256 * 1024;
const PIECES_AHEAD = 2;

export interface SendTaskDeps {
  readonly window: Pick<CreditWindow, 'lend' | 'repay'>;
  /** Calls back when it is the connection's turn: one that sends must not keep the others waiting. */
  readonly inTurn: (work: () => void) => void;
  readonly write: (bytes: Uint8Array, settled: (fault?: ConnectionFault) => void) => void;
  readonly onInternalError: (thrown: unknown) => void;
}

/** How sending a file went: how many bytes were sent, and what ended it before all were. */
export interface Sent {
  readonly bytes: number;
  readonly failed: 'read' | 'write' | null;
}

/**
 * Sends `length` bytes of the source from `offset`, then calls `done`, once nothing of it is under way. Does not close
 * the source.
 */
export function sendFile(
  deps: SendTaskDeps,
  source: Source,
  offset: number,
  length: number,
  done: (sent: Sent) => void,
): void {
  const { window, inTurn } = deps;
  const end = offset + length;
  let at = offset;
  let bytes = 0;
  let inFlight = 0;
  let reading = false;
  let failed: Sent['failed'] = null;
  let isDone = false;

  const step = () => {
    // Pieces that settle together have a step each.
    if (reading || isDone) return;
    const isOver = failed !== null || at === end;
    if (isOver && inFlight === 0) {
      isDone = true;
      return done({ bytes, failed });
    }
    if (isOver || inFlight === PIECES_AHEAD) return;
    // None now: then a piece is in flight, and what it was lent is repaid when it settles.
    const lent = window.lend(Math.min(PIECE_BYTES, end - at));
    if (lent > 0) readPiece(lent);
  };

  const readPiece = (lent: number) => {
    reading = true;
    callStore(
      () => source.read(at, lent),
      deps.onInternalError,
      (outcome) =>
        inTurn(() => {
          reading = false;
          // A file that has become shorter while it is read can no longer be sent as was promised.
          if (outcome.ok && outcome.value.length > 0) sendPiece(outcome.value, lent);
          else {
            window.repay(lent);
            failed ??= 'read';
          }
          step();
        }),
    );
  };

  const sendPiece = (piece: Uint8Array, lent: number) => {
    at += piece.length;
    inFlight++;
    deps.write(piece, (fault) => {
      inFlight--;
      window.repay(lent);
      if (fault) failed = 'write';
      else bytes += piece.length;
      inTurn(step);
    });
  };

  step();
}
