/**
 * `--bwlimit`: the most bytes a second that all connections of a command send together, and the most that they receive.
 *
 * Reading: a chunk that has arrived is owed, and the connection is paused until that is paid. Writing: what is owed
 * makes the next piece wait; a large write goes in pieces, so that the rate is even below a second. The bound is that of
 * `createRateLimiter`: the rate, a tenth of a second of it saved up, and a piece for each connection.
 */
import { AsyncSubject, type SchedulerLike, tap } from 'rxjs';
import { createRateLimiter, type RateLimiter, type Share, UNLIMITED } from '../../actor/bounds/rate-limit.ts';
import { createFifo, type Fifo } from '../../base/fifo.ts';
import { checkWrite } from '../../transport/check-arguments.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';

/**
 * The least rate for each connection: what a connection reads or writes at once, up to 2 MiB, is then over before a
 * silence of a minute would count as broken, here or at the server.
 */
export const RATE_MIN: number = 64 * 1024;

/** A piece of a write: a tenth of a second of the rate, within these bounds. */
const [PIECE_BYTES_MIN, PIECE_BYTES_MAX] = [1024, 64 * 1024];

type Settled = (fault?: ConnectionFault) => void;

/** A write that waits; null stands for the end of our side. */
interface Write {
  /** What was not handed on yet. */
  readonly chunks: Uint8Array[];
  readonly settled: Settled;
}

interface PacedWrites {
  readonly connection: Connection;
  readonly pieceBytes: number;
  /** Bounded by the writer, who waits for `settled`. */
  readonly waiting: Fifo<Write | null>;
  isPaused: boolean;
  /** The connection, or our side of it, is over: what waits is handed on at once, to settle with a fault. */
  isOver: boolean;
  isPumping: boolean;
  /** Writes that have not settled. */
  unsettled: number;
  share: Share;
}

/** Answers a function that makes connections share the rate. @param perSecond bytes a second in each direction. */
export function createBandwidth(
  perSecond: number,
  scheduler?: SchedulerLike,
): (connection: Connection) => Connection {
  const [reads, writes] = [createRateLimiter(perSecond, scheduler), createRateLimiter(perSecond, scheduler)];
  const pieceBytes = Math.max(PIECE_BYTES_MIN, Math.min(PIECE_BYTES_MAX, Math.floor(perSecond / 10)));
  return (connection) => {
    const reading = pacedReading(connection, reads);
    const writing = pacedWriting(connection, writes, pieceBytes, reading.leave);
    return { ...connection, ...reading.members, ...writing };
  };
}

function pacedReading(connection: Connection, reads: RateLimiter) {
  let [asked, owing] = [false, false];
  let isPaused = false;
  const change = () => {
    if ((asked || owing) === isPaused) return;
    isPaused = !isPaused;
    if (isPaused) connection.pause();
    else connection.resume();
  };
  const share = reads.join((paused) => {
    owing = paused;
    change();
  });
  return {
    leave: share.leave,
    members: {
      chunks$: connection.chunks$.pipe(tap((chunk) => share.consume(chunk.length))),
      pause: () => {
        asked = true;
        change();
      },
      resume: () => {
        asked = false;
        change();
      },
    },
  };
}

function pacedWriting(connection: Connection, writes: RateLimiter, pieceBytes: number, left: () => void) {
  const closed$ = new AsyncSubject<ConnectionFault | null>();
  let end: ConnectionFault | null | undefined;
  const state: PacedWrites = {
    ...{ connection, pieceBytes, share: UNLIMITED, waiting: createFifo<Write | null>() },
    ...{ isPaused: false, isOver: false, isPumping: false, unsettled: 0 },
  };
  state.share = writes.join((isPaused) => {
    state.isPaused = isPaused;
    pump(state);
  });
  const finish = () => {
    if (end === undefined || state.unsettled > 0) return;
    closed$.next(end);
    closed$.complete();
  };
  connection.closed$.subscribe((fault) => {
    end = fault;
    state.share.leave();
    left();
    giveUp(state);
    finish();
  });
  return {
    closed$: closed$.asObservable(),
    write: (chunks: readonly Uint8Array[], settled: Settled) => {
      checkWrite(chunks, settled);
      state.unsettled++;
      const onSettled = (fault?: ConnectionFault) => {
        state.unsettled--;
        settled(fault);
        finish();
      };
      state.waiting.push({ chunks: [...chunks], settled: onSettled });
      pump(state);
    },
    end: () => {
      state.waiting.push(null);
      pump(state);
    },
    destroy: () => {
      connection.destroy();
      giveUp(state);
    },
  };
}

function giveUp(state: PacedWrites): void {
  state.isOver = true;
  pump(state);
}

/** Hands on what may go now, in order. */
function pump(state: PacedWrites): void {
  const { connection, waiting, share } = state;
  if (state.isPumping) return;
  state.isPumping = true;
  while (waiting.length > 0 && (state.isOver || !state.isPaused)) {
    const write = waiting.first();
    if (write == null) {
      waiting.shift();
      connection.end();
      continue;
    }
    const piece = state.isOver ? write.chunks.splice(0) : takePiece(write.chunks, state.pieceBytes);
    const isLast = write.chunks.length === 0;
    if (isLast) waiting.shift();
    if (!state.isOver) share.consume(piece.reduce((sum, { length }) => sum + length, 0));
    connection.write(piece, isLast ? write.settled : (fault) => fault !== undefined && giveUp(state));
  }
  state.isPumping = false;
}

/** Takes so many bytes off the front of a list of chunks, without copying; fewer when there are no more. */
function takePiece(chunks: Uint8Array[], bytes: number): Uint8Array[] {
  const piece: Uint8Array[] = [];
  for (let left = bytes; left > 0 && chunks.length > 0; ) {
    const chunk = chunks[0]!;
    const part = chunk.length > left ? chunk.subarray(0, left) : chunk;
    piece.push(part);
    left -= part.length;
    if (part === chunk) chunks.shift();
    else chunks[0] = chunk.subarray(part.length);
  }
  return piece;
}
