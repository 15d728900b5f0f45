/**
 * The way in of one connection: chunks become frame events, these events of the session, and all of it is counted.
 *
 * Everything that is kept of a chunk is paid for: a body's bytes, and what is kept of a header, as the event that
 * carries them; the first bytes of a header that is not whole as themselves. For a header of more than `HEAD_BYTES`
 * there must be room, which is one of a number of places that all connections share: while there is none, no more of it
 * is read. Who has a place is read from until the header is whole, or late (see `deadlines`), whatever anybody holds.
 * Therefore nothing may stand between: no piece ever brings requests, which may have to wait, and then more than
 * `HEAD_BYTES` of a header that would have a place meanwhile.
 */
import { Subject } from 'rxjs';
import { errorInfo } from '../files/protocol/errors.ts';
import { frameError } from '../files/protocol/frame-error.ts';
import type { SessionEvent } from '../files/session/event.ts';
import { deframe } from '../wire/deframe.ts';
import type { FrameEvent } from '../wire/frame-event.ts';
import type { Framing } from '../wire/framing.ts';
import type { JsonHeader } from '../wire/json-header.ts';
import { createChunkSplitter, PIECE_BYTES_MAX } from './chunk-splitter.ts';
import { CREDIT_FLOOR_BYTES, type CreditWindow, EVENT_COST_BYTES } from './credit.ts';
import { headerCost } from './header-cost.ts';
import type { SlotHolder } from './slots.ts';

/** Bytes of a header that need no room of their own: nearly every header is shorter. */
export const HEAD_BYTES = 4 * 1024;
/**
 * Bytes of a body that are kept where they were received. Fewer are copied when most of the memory they lie in may be
 * something else, which costs nothing, and some is held like that already: else a body of one byte would hold on to all
 * that came around it. A file that is stored at once is never copied.
 */
export const KEPT_BYTES_MIN: number = 32 * 1024;
const NOTHING = new Uint8Array(0);
/** What bytes of frames may cost: there is no shorter one than `{}` with its length, which costs 54 times its bytes. */
const FRAMES_GROWTH = 64;
const PIECE_COST_MAX = PIECE_BYTES_MAX + FRAMES_GROWTH * HEAD_BYTES;
/** While the budget has no room for what a long piece may cost: bytes of a body, and of the frames behind it. */
const [SHORT_BODY_BYTES, SHORT_FRAMES_BYTES] = [CREDIT_FLOOR_BYTES, 256];
/** What a short piece costs at the most. */
export const SHORT_PIECE_COST_MAX: number =
  SHORT_BODY_BYTES + EVENT_COST_BYTES + FRAMES_GROWTH * SHORT_FRAMES_BYTES;
/** What the bytes of a header that is not whole cost at the most. */
export const PARTIAL_HEAD_COST_MAX: number = 2 * HEAD_BYTES;

export interface FrameReaderDeps {
  readonly framing: Framing<JsonHeader>;
  readonly window: CreditWindow;
  /** Room for headers that are longer than `HEAD_BYTES`: a place each. */
  readonly headSlots: SlotHolder;
  /** What is to be kept of a header (see `Session.keep`). */
  readonly trimHeader: (header: JsonHeader) => JsonHeader;
  /** An event, paid for. */
  readonly emit: (event: SessionEvent) => void;
  /** So many bytes of the chunk are not looked at any more. */
  readonly recycle: (bytes: Uint8Array, count: number) => void;
  /** Whether memory is held already by bytes that are few in it. */
  readonly pinsMemory: () => boolean;
  /** A piece was taken off, of so many bytes and requests. */
  readonly onPiece: (bytes: number, requests: number) => void;
  /** No chunk should come, since there is no room for a header; and then again. */
  readonly setWaiting: (waits: boolean) => void;
  /** A header has room: it is to be read whatever credit is used up; and then no more. */
  readonly setHasRoom: (has: boolean) => void;
  readonly onInternalError: (thrown: unknown) => void;
}

export interface FrameReader {
  readonly chunk: (bytes: Uint8Array) => void;
  /** The input is over, behind what came before it: in good order, or broken off. */
  readonly end: (event: SessionEvent) => void;
  /** Whether there is something to take up, given whether more is wanted. */
  readonly hasMore: (canRead: boolean) => boolean;
  /** Takes up a piece. To be called only when there is something. */
  readonly step: () => void;
  /** Bytes of a header that is not whole. */
  readonly partialHead: () => number;
  /** Credit for them: it comes back once the rest has come. */
  readonly unsettled: () => number;
  /** Bytes of bodies, in all. */
  readonly bodies: () => number;
  /** Nothing more is taken up, and nothing kept of what is not whole. */
  readonly stop: () => void;
}

export function createFrameReader(deps: FrameReaderDeps): FrameReader {
  const { window } = deps;
  /** Of the piece at hand: bytes of complete headers, bytes of bodies, those of them that were copied, requests. */
  let [heads, streamed, copied, requests] = [0, 0, 0, 0];
  /** What is given next: bytes of a body, which may become more while those that follow lie behind them. */
  let bodyRun: Uint8Array | null = null;
  let partialHead = 0;
  /** Bytes that are still to come of the body at hand. */
  let bodyLeft = 0;
  let bodies = 0;
  /** Nothing after a fault is looked at. */
  let broken = false;
  let stopped = false;
  /** How to let go of the room for a header, or to want none any more; null when none is needed. */
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
    if (bytes.length >= KEPT_BYTES_MIN || bytes.length * 2 >= bytes.buffer.byteLength) return bytes;
    if (!deps.pinsMemory()) return bytes;
    copied += bytes.length;
    return new Uint8Array(bytes);
  }

  function request(header: JsonHeader, body: number): void {
    const credit = headerCost(header) + EVENT_COST_BYTES;
    const busy = credit > CREDIT_FLOOR_BYTES && !window.fits(credit);
    window.charge(credit);
    // The body must be read whatever the others hold, even if it is only skipped.
    window.setFrameCost(credit);
    emitEvent({ type: 'request', header, body, credit, ...(busy ? { refused: errorInfo('busy') } : {}) });
  }

  const chunks$ = new Subject<Uint8Array>();
  const frames = chunks$.pipe(deframe(deps.framing)).subscribe({
    next: onFrame,
    error: (thrown: unknown) => {
      deps.onInternalError(thrown);
      broken = true;
      emitEvent({ type: 'fault', error: errorInfo('internal') });
    },
  });

  function readPiece(bytes: Uint8Array): number {
    [heads, streamed, copied, requests] = [0, 0, 0, 0];
    chunks$.next(bytes);
    bodies += streamed;
    countPartial(broken ? 0 : partialHead + bytes.length - heads - streamed);
    // Heads were parsed or copied, and what came after the end is not wanted: only bodies are still looked at.
    deps.recycle(bytes, bytes.length - streamed + copied);
    deps.onPiece(bytes.length, requests);
    return requests;
  }

  /** What is beyond has room of its own. */
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

  /** How many bytes may be taken up now: never so many that much of a header comes with something else. */
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
      // A short body that came with its header is whole in one event: nothing but its bytes is taken up with it.
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
