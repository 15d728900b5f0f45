/**
 * The state of a deframer between two chunks.
 *
 * It never holds a view of a chunk: an idle connection holds no more than the bytes of the incomplete frame.
 */

import type { HeadFault } from '../fault.ts';
import { faultAt, SAMPLE_BYTES_MAX } from '../fault.ts';
import type { FrameEvent } from '../frame-event.ts';
import type { ChunkBuffer } from './chunk-buffer.ts';

/** Between two frames. */
interface Idle {
  readonly phase: 'idle';
}

/** In a head that is split across chunks. */
export interface InHead {
  readonly phase: 'head';
  /** The offset in the stream of the frame's first byte; likewise below. */
  readonly position: number;
  /** The bytes of the head that have arrived: at least one, and fewer than `need`. */
  readonly held: ChunkBuffer;
  /** How many bytes the head has, by those that have arrived. */
  readonly need: number;
}

/** In a body that the deframer hands on piece by piece, or drops. */
export interface InBody {
  readonly phase: 'body';
  readonly position: number;
  readonly streamed: boolean;
  readonly length: number;
  /** How many bytes of it have not arrived: at least one. */
  readonly left: number;
  /** The frame's first bytes, for the fault if the stream ends here. */
  readonly sample: Uint8Array;
}

/** In a body that the deframer hands on in one piece, and that is split across chunks. */
export interface InWhole<H> {
  readonly phase: 'whole';
  readonly position: number;
  readonly header: H;
  readonly head: number;
  readonly length: number;
  /** The bytes of the body that have arrived: fewer than `length`. */
  readonly held: ChunkBuffer;
  readonly sample: Uint8Array;
}

/** After a fatal fault or the end of input: the deframer ignores all further bytes. */
interface Over {
  readonly phase: 'over';
}

export type Part<H> = Idle | InHead | InBody | InWhole<H> | Over;

export const IDLE: Idle = { phase: 'idle' };
export const OVER: Over = { phase: 'over' };

/** The state of a deframer. A caller keeps it and passes it back; its fields may change. */
export interface DeframeState<H> {
  /** How many bytes of the stream have been taken. */
  readonly taken: number;
  /** The place of the deframer within a frame. It is the deframer's own: read nothing from it. */
  readonly part: Part<H>;
}

/** The context of one step: a chunk, and the events so far. */
export interface StepContext<H> {
  readonly chunk: Uint8Array;
  /** The offset in the stream of the chunk's first byte. */
  readonly origin: number;
  readonly events: FrameEvent<H>[];
  /** The place in the chunk of the next byte to take. */
  at: number;
}

/** A copy of the frame's first bytes: those that an earlier chunk brought, then those of this chunk. */
export function sampleOf<H>(
  { chunk, origin, at }: StepContext<H>,
  position: number,
  held: ChunkBuffer | null,
): Uint8Array {
  const from = position - origin;
  if (held === null) return new Uint8Array(chunk.subarray(from, from + SAMPLE_BYTES_MAX));
  const kept = held.room.bytes.subarray(0, Math.min(held.length, SAMPLE_BYTES_MAX));
  return new Uint8Array([...kept, ...chunk.subarray(at, at + SAMPLE_BYTES_MAX - kept.length)]);
}

/** Emits a fault after which nothing comes. */
export function failed<H>(
  context: StepContext<H>,
  what: HeadFault,
  position: number,
  held: ChunkBuffer | null,
): Over {
  const fault = faultAt(what, position, sampleOf(context, position, held), true);
  context.events.push({ type: 'fault', fault });
  return OVER;
}
