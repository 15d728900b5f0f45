/**
 * Finds frames in arbitrary chunks, as a pure step: `(state, chunk) → (state, events)`.
 *
 * ```text
 *  in     when                                      emits                     then in
 *  idle   the head is not all in this chunk         -                         head
 *  idle   the head is all there                     (see read-body)
 *  head   it is still not all there                 -                         head
 *  head   now it is                                 (see read-body)
 *  head   it was shorter than the framing asked     (the bytes that were held, once more from idle)
 *  body, whole                                      (see read-body)
 *  any    the framing returns a head fault          fault                     over
 *  any but idle: the end of input                   fault: truncated          over
 *  over   anything                                  -                         over
 * ```
 */

import type { HeadFault } from '../fault.ts';
import { faultAt, headFault, SAMPLE_BYTES_MAX } from '../fault.ts';
import type { FrameEvent } from '../frame-event.ts';
import type { Framing } from '../framing.ts';
import { append, type ChunkBuffer, gather } from './chunk-buffer.ts';
import type { DeframeState, InHead, Part, StepContext } from './deframe-state.ts';
import { failed, IDLE, OVER } from './deframe-state.ts';
import { beginBody, moreBody, moreWhole } from './read-body.ts';

export type { DeframeState } from './deframe-state.ts';

/** The result of a step: what `deframeStep`, `deframeStepUpTo` and `deframeEnd` return. */
export interface Stepped<H> {
  /** The state behind the chunk: what the next step is given. */
  readonly state: DeframeState<H>;
  /** In order; empty when the chunk completes nothing and belongs to no streamed body. */
  readonly events: FrameEvent<H>[];
}

/**
 * The state at the start of a stream. It is the same for every framing.
 *
 * @example
 * deframeStep(framing, initialDeframeState<Prefix>(), Uint8Array.of(0, 0, 0, 1)).events; // []: the body is to come
 */
export function initialDeframeState<H>(): DeframeState<H> {
  return { taken: 0, part: IDLE };
}

/** Takes the next chunk of the stream: `deframeStep` of `checked-step`, without its checks. */
export function step<H>(framing: Framing<H>, state: DeframeState<H>, chunk: Uint8Array): Stepped<H> {
  const { state: next, events } = stepUpTo(framing, state, chunk, 0, Number.POSITIVE_INFINITY);
  return { state: next, events };
}

/** Takes a part of a chunk: `deframeStepUpTo` of `checked-step`, without its checks. */
export function stepUpTo<H>(
  framing: Framing<H>,
  state: DeframeState<H>,
  chunk: Uint8Array,
  from: number,
  most: number,
): Stepped<H> & { readonly at: number } {
  const context: StepContext<H> = { chunk, origin: state.taken - from, events: [], at: from };
  let part = state.part;
  while (context.at < chunk.length && part.phase !== 'over' && context.events.length < most) {
    if (part.phase === 'idle') part = beginFrame(framing, context);
    else if (part.phase === 'body') part = moreBody(context, part);
    else if (part.phase === 'whole') part = moreWhole(context, part);
    else part = moreHead(framing, context, part);
  }
  const at = part.phase === 'over' ? chunk.length : context.at;
  return { state: { taken: context.origin + at, part }, events: context.events, at };
}

/** Takes the end of the stream: `deframeEnd` of `checked-step`, without its checks. */
export function finish<H>(_framing: Framing<H>, { taken, part }: DeframeState<H>): Stepped<H> {
  const state: DeframeState<H> = { taken, part: OVER };
  if (part.phase === 'idle' || part.phase === 'over') return { state, events: [] };
  const fault = faultAt(truncated(part), part.position, firstBytes(part), true);
  return { state, events: [{ type: 'fault', fault }] };
}

type Unfinished<H> = Exclude<Part<H>, { phase: 'idle' | 'over' }>;

function truncated<H>(part: Unfinished<H>): HeadFault {
  if (part.phase === 'head') {
    const { held, need } = part;
    return headFault(
      'truncated',
      `the stream ended in the head of a frame, after ${held.length} of ${need} bytes`,
    );
  }
  const got = part.phase === 'whole' ? part.held.length : part.length - part.left;
  const message = `the stream ended in the body of a frame, after ${got} of ${part.length} bytes`;
  return headFault('truncated', message, part.length);
}

function firstBytes<H>(part: Unfinished<H>): Uint8Array {
  if (part.phase !== 'head') return part.sample;
  return part.held.room.bytes.subarray(0, Math.min(part.held.length, SAMPLE_BYTES_MAX));
}

/** Called at the first byte of a frame. Reads the head in place when all of it is in the chunk: nearly always. */
function beginFrame<H>(framing: Framing<H>, context: StepContext<H>): Part<H> {
  const { chunk, at: start } = context;
  const position = context.origin + start;
  const need = framing.headLength(chunk, start, chunk.length);
  if (typeof need !== 'number') return failed(context, need, position, null);
  if (!isHeadSize(need, framing)) return failed(context, absurdHead(need, framing), position, null);
  if (need > chunk.length - start) {
    context.at = chunk.length;
    return { phase: 'head', position, held: gather(chunk, start, chunk.length, need), need };
  }
  const opened = framing.parseHead(chunk, start, start + need);
  if ('code' in opened) return failed(context, opened, position, null);
  context.at = start + need;
  return beginBody(framing, context, opened, need, position, null);
}

/** Called in a head that an earlier chunk began. Collects just the bytes of the head, which may turn out to be more. */
function moreHead<H>(framing: Framing<H>, context: StepContext<H>, part: InHead): Part<H> {
  const { chunk } = context;
  const { position } = part;
  let { held, need } = part;
  for (;;) {
    const to = Math.min(chunk.length, context.at + need - held.length);
    held = append(held, chunk, context.at, to, need);
    context.at = to;
    if (held.length < need) return { phase: 'head', position, held, need };
    const { bytes } = held.room;
    const measured = framing.headLength(bytes, 0, held.length);
    if (typeof measured !== 'number') return failed(context, measured, position, held);
    if (!isHeadSize(measured, framing)) {
      return failed(context, absurdHead(measured, framing), position, held);
    }
    if (measured < held.length) return replayLookahead(framing, context, position, held);
    need = measured;
    if (need > held.length) continue;
    const opened = framing.parseHead(bytes, 0, need);
    if ('code' in opened) return failed(context, opened, position, held);
    return beginBody(framing, context, opened, need, position, held);
  }
}

/**
 * Replays the bytes behind a head for which the framing asked for more than the head has. These bytes begin the body,
 * or the next frames. They are fewer than `maxHead`, so a second reading costs little.
 */
function replayLookahead<H>(
  framing: Framing<H>,
  { events }: StepContext<H>,
  position: number,
  held: ChunkBuffer,
): Part<H> {
  // A copy: events may hold views of it, and a collected value never changes.
  const gathered = held.room.bytes.slice(0, held.length);
  const again: StepContext<H> = { chunk: gathered, origin: position, events, at: 0 };
  let part: Part<H> = IDLE;
  while (again.at < gathered.length && part.phase !== 'over') {
    part = part.phase === 'body' ? moreBody(again, part) : beginFrame(framing, again);
  }
  return part;
}

/** Whether a head may have this size. A head of no bytes would be found again and again in the same place. */
function isHeadSize<H>(need: number, framing: Framing<H>): boolean {
  return need >= 1 && need <= framing.maxHead && Number.isInteger(need);
}

function absurdHead<H>(need: number, framing: Framing<H>): HeadFault {
  const message = `the framing asks for a head of ${need} bytes, and may for 1 to ${framing.maxHead}`;
  return headFault('header-invalid', message, need, framing.maxHead);
}
