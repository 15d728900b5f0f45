/**
 * Reads the frames of one connection: chunks become frame events, frame events become events of the session, and
 * everything that is kept is charged.
 *
 * The reader charges credit for everything that it keeps of a chunk: the event that carries bytes of a body, or what
 * is kept of a header, pays for them; the first bytes of an incomplete header pay for themselves. A header of more
 * than `HEAD_BYTES` needs room, which is one of the slots that all connections share. While no slot is free, no more
 * of the header is read. A connection that has a slot is read from until its header is whole, or late (see
 * `timeouts`), whatever anybody holds. Therefore nothing may come between: no piece ever brings requests, which may
 * have to wait, and then more than `HEAD_BYTES` of a header that would hold a slot meanwhile.
 */
import { Subject } from 'rxjs';
import { memoryOf } from '../base/memory-of.ts';
import { serviceFault } from '../files/protocol/errors.ts';
import { frameError } from '../files/protocol/frame-error.ts';
import type { SessionEvent } from '../files/session/event.ts';
import { deframe } from '../wire/deframe.ts';
import type { FrameEvent } from '../wire/frame-event.ts';
import type { Framing } from '../wire/framing.ts';
import type { JsonHeader } from '../wire/json-header.ts';
import { createChunkSplitter, isSmallPart, PIECE_BYTES_MAX } from './chunk-splitter.ts';
import { CREDIT_FLOOR_BYTES, type CreditWindow, EVENT_COST_BYTES } from './credit.ts';
import type { SlotHolder } from './slots.ts';

/** The bytes of a header that need no room of their own. Nearly every header is shorter. */
export const HEAD_BYTES = 4 * 1024;
const NOTHING = new Uint8Array(0);
/**
 * How many times their bytes frames may cost. The shortest frame is `{}` with its length, and costs 54 times its
 * bytes.
 */
const FRAMES_GROWTH = 64;
const PIECE_COST_MAX = PIECE_BYTES_MAX + FRAMES_GROWTH * HEAD_BYTES;
/**
 * The bytes of a body, and of the frames behind it, in a piece while the budget has no room for the cost of a long
 * piece.
 */
const [SHORT_BODY_BYTES, SHORT_FRAMES_BYTES] = [CREDIT_FLOOR_BYTES, 256];
/** The most that a short piece costs. */
export const SHORT_PIECE_COST_MAX: number =
  SHORT_BODY_BYTES + EVENT_COST_BYTES + FRAMES_GROWTH * SHORT_FRAMES_BYTES;
/** The most that the bytes of an incomplete header cost. */
export const PARTIAL_HEAD_COST_MAX: number = 2 * HEAD_BYTES;

export interface FrameReaderDeps {
  readonly framing: Framing<JsonHeader>;
  readonly window: CreditWindow;
  /** Room for headers that are longer than `HEAD_BYTES`: one slot for each. */
  readonly headSlots: SlotHolder;
  /** Returns the part of a header that is kept (see `Session.trimHeader`). */
  readonly trimHeader: (header: JsonHeader) => JsonHeader;
  /** Called with each event, whose credit is charged. */
  readonly emit: (event: SessionEvent) => void;
  /** Called when so many bytes of the chunk are not used any more. */
  readonly recycle: (bytes: Uint8Array, count: number) => void;
  /** Whether the connection already keeps memory of which it uses little. */
  readonly pinsMemory: () => boolean;
  /** Called when a piece was read, with its bytes and its requests. */
  readonly onPiece: (bytes: number, requests: number) => void;
  /**
   * Called with true when there is no room for a header, so that no chunk should come; and with false when there is
   * room again.
   */
  readonly setWaiting: (waits: boolean) => void;
  /**
   * Called with true when a header has room, so that it must be read whatever credit is used up; and with false when
   * that is over.
   */
  readonly setHasRoom: (has: boolean) => void;
  readonly onInternalError: (thrown: unknown) => void;
}

export interface FrameReader {
  readonly chunk: (bytes: Uint8Array) => void;
  /** Queues the end of the input behind what came before it: its good end, or a break. */
  readonly end: (event: SessionEvent) => void;
  /** Whether there is something to do, given whether the connection may be read. */
  readonly hasMore: (canRead: boolean) => boolean;
  /** Reads a piece. It must be called only when `hasMore` says so. */
  readonly step: () => void;
  /** The bytes of an incomplete header that have come. */
  readonly partialHead: () => number;
  /** The credit for these bytes. It comes back once the rest of the header has come. */
  readonly unsettled: () => number;
  /** The bytes of bodies that have come, in total. */
  readonly bodies: () => number;
  /** Stops reading, and drops what is incomplete. */
  readonly stop: () => void;
}

export function createFrameReader(deps: FrameReaderDeps): FrameReader {
  const { window } = deps;
  /**
   * Of the current piece: the bytes of complete headers, the bytes of bodies, those of them that were copied, and the
   * requests.
   */
  let [heads, streamed, copied, requests] = [0, 0, 0, 0];
  /** The bytes of a body that are emitted next. Bytes that follow directly behind them in memory are added to them. */
  let bodyRun: Uint8Array | null = null;
  let partialHead = 0;
  /** The bytes of the current body that are still to come. */
  let bodyLeft = 0;
  let bodies = 0;
  /** Nothing behind a fault is read. */
  let broken = false;
  let stopped = false;
  /** Gives back the slot for a header, or withdraws the wish for one; null when the header needs none. */
  let cancelRoom: (() => void) | null = null;
  let waitsForRoom = false;

  function onFrame(frame: FrameEvent<JsonHeader>): void {
    switch (frame.type) {
      case 'data': {
        const bytes = detach(frame.bytes);
        streamed += bytes.length;
        bodyLeft -= bytes.length;
        return appendBody(bytes);
      }
      case 'start':
        heads += frame.head;
        requests++;
        bodyLeft = frame.length;
        return request(deps.trimHeader(frame.header), frame.length);
      case 'end':
        window.setFrameCost(0);
        return emitEvent({ type: 'body-end' });
      case 'fault':
        broken = true;
        return emitEvent({ type: 'fault', error: frameError(frame.fault) });
      case 'frame':
        // Requests are never delivered whole.
        return;
    }
  }

  function appendBody(bytes: Uint8Array): void {
    const { buffer, byteOffset, length } = bodyRun ?? NOTHING;
    window.charge(bytes.length);
    if (bodyRun !== null && bytes.buffer === buffer && bytes.byteOffset === byteOffset + length) {
      bodyRun = new Uint8Array(buffer, byteOffset, length + bytes.length);
      return;
    }
    emitBodyRun();
    window.charge(EVENT_COST_BYTES);
    bodyRun = bytes;
  }

  function emitBodyRun(): void {
    if (bodyRun === null) return;
    const bytes = bodyRun;
    bodyRun = null;
    deps.emit({ type: 'data', bytes, credit: bytes.length + EVENT_COST_BYTES });
  }

  function emitEvent(event: SessionEvent): void {
    emitBodyRun();
    deps.emit(event);
  }

  function detach(bytes: Uint8Array): Uint8Array {
    if (!isSmallPart(bytes) || !deps.pinsMemory()) return bytes;
    copied += bytes.length;
    return new Uint8Array(bytes);
  }

  function request(header: JsonHeader, body: number): void {
    const credit = memoryOf(header) + EVENT_COST_BYTES;
    const busy = credit > CREDIT_FLOOR_BYTES && !window.fits(credit);
    window.charge(credit);
    // The body must be read whatever the others hold, even if it is only skipped.
    window.setFrameCost(credit);
    emitEvent({ type: 'request', header, body, credit, ...(busy ? { refused: serviceFault('busy') } : {}) });
  }

  const chunks$ = new Subject<Uint8Array>();
  const frames = chunks$.pipe(deframe(deps.framing)).subscribe({
    next: onFrame,
    error: (thrown: unknown) => {
      deps.onInternalError(thrown);
      broken = true;
      emitEvent({ type: 'fault', error: serviceFault('internal') });
    },
  });

  function readPiece(bytes: Uint8Array): number {
    [heads, streamed, copied, requests] = [0, 0, 0, 0];
    chunks$.next(bytes);
    bodies += streamed;
    countPartial(broken ? 0 : partialHead + bytes.length - heads - streamed);
    // Heads were parsed or copied, and bytes behind the end are not used. So only the bytes of bodies are still in
    // use.
    deps.recycle(bytes, bytes.length - streamed + copied);
    deps.onPiece(bytes.length, requests);
    return requests;
  }

  /** The bytes beyond the maximum have room of their own. */
  const partialCost = (head: number) => Math.min(head, PARTIAL_HEAD_COST_MAX);

  function countPartial(now: number): void {
    const more = partialCost(now) - partialCost(partialHead);
    partialHead = now;
    if (more > 0) window.charge(more);
    else if (more < 0) window.credit(-more);
    if (now <= HEAD_BYTES) releaseRoom();
  }

  function releaseRoom(): void {
    const leave = cancelRoom;
    if (leave === null) return;
    cancelRoom = null;
    leave();
    if (!waitsForRoom) return deps.setHasRoom(false);
    waitsForRoom = false;
    deps.setWaiting(false);
  }

  const splitter = createChunkSplitter(readPiece);

  /** The bytes that may be read now: never so many that a large part of a header comes together with something else. */
  function pieceMax(): number {
    if (broken) return PIECE_BYTES_MAX;
    const most = bodyLeft + HEAD_BYTES;
    if (window.isFree(PIECE_COST_MAX)) return most;
    if (bodyLeft >= SHORT_BODY_BYTES) return SHORT_BODY_BYTES;
    return Math.min(most, bodyLeft + SHORT_FRAMES_BYTES);
  }

  function acquireRoom(): void {
    waitsForRoom = true;
    cancelRoom = deps.headSlots.acquire(() => {
      waitsForRoom = false;
      deps.setHasRoom(true);
      deps.setWaiting(false);
    });
    if (waitsForRoom) deps.setWaiting(true);
  }

  return {
    chunk: splitter.chunk,
    end: (event) =>
      splitter.enqueue(() => {
        chunks$.complete();
        countPartial(0);
        emitEvent(event);
      }),
    hasMore: (canRead) => {
      if (stopped) return false;
      const next = splitter.next();
      return next === 'work' || (next === 'piece' && canRead);
    },
    step: () => {
      splitter.step(pieceMax());
      // A short body that came with its header is read in the same step, so that it is whole in one event.
      if (bodyLeft > 0 && splitter.next() === 'piece' && window.isFree(PIECE_COST_MAX))
        splitter.step(bodyLeft);
      emitBodyRun();
      if (partialHead > HEAD_BYTES && cancelRoom === null) acquireRoom();
    },
    partialHead: () => partialHead,
    unsettled: () => partialCost(partialHead),
    bodies: () => bodies,
    stop: () => {
      stopped = true;
      broken = true;
      frames.unsubscribe();
      countPartial(0);
    },
  };
}
