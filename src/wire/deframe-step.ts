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
 *  any    the framing answers a head fault          fault                     over
 *  any but idle: the end of input                   fault: truncated          over
 *  over   anything                                  -                         over
 * ```
 */

import { append, type ChunkBuffer, gather } from './chunk-buffer.ts';
import type { DeframeState, InHead, Part, StepContext } from './deframe-state.ts';
import { failed, IDLE, OVER } from './deframe-state.ts';
import type { HeadFault } from './fault.ts';
import { faultAt, headFault, SAMPLE_BYTES_MAX } from './fault.ts';
import type { FrameEvent } from './frame-event.ts';
import type { Framing } from './framing.ts';
import { beginBody, moreBody, moreWhole } from './read-body.ts';

export type { DeframeState } from './deframe-state.ts';

/** The result of a step. */
export interface Stepped<H> {
  readonly state: DeframeState<H>;
  /** In order; empty when the chunk completes nothing and belongs to no streamed body. */
  readonly events: FrameEvent<H>[];
}

/** The state at the start of a stream. */
export function initialState<H>(): DeframeState<H> {
  return { taken: 0, part: IDLE };
}

/** Takes the next chunk of the stream: `step` of `checked-step`, without its checks. */
export function step<H>(framing: Framing<H>, state: DeframeState<H>, chunk: Uint8Array): Stepped<H> {
  const { state: next, events } = stepSome(framing, state, chunk, 0, Number.POSITIVE_INFINITY);
  return { state: next, events };
}

/** Takes a part of a chunk: likewise without checks. */
export function stepSome<H>(
  framing: Framing<H>,
  state: DeframeState<H>,
  chunk: Uint8Array,
  from: number,
  most: number,
): Stepped<H> & { readonly at: number } {
  const passage: StepContext<H> = { chunk, origin: state.taken - from, events: [], at: from };
  let part = state.part;
  while (passage.at < chunk.length && part.phase !== 'over' && passage.events.length < most) {
    if (part.phase === 'idle') part = beginFrame(framing, passage);
    else if (part.phase === 'body') part = moreBody(passage, part);
    else if (part.phase === 'whole') part = moreWhole(passage, part);
    else part = moreHead(framing, passage, part);
  }
  const at = part.phase === 'over' ? chunk.length : passage.at;
  return { state: { taken: passage.origin + at, part }, events: passage.events, at };
}

/** Takes the end of the stream: likewise without checks. */
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

/** At the first byte of a frame. The head is read in place when it is all in the chunk, as it nearly always is. */
function beginFrame<H>(framing: Framing<H>, passage: StepContext<H>): Part<H> {
  const { chunk, at: start } = passage;
  const position = passage.origin + start;
  const need = framing.headLength(chunk, start, chunk.length);
  if (typeof need !== 'number') return failed(passage, need, position, null);
  if (!isHeadSize(need, framing)) return failed(passage, absurdHead(need, framing), position, null);
  if (need > chunk.length - start) {
    passage.at = chunk.length;
    return { phase: 'head', position, held: gather(chunk, start, chunk.length, need), need };
  }
  const opened = framing.parseHead(chunk, start, start + need);
  if ('problem' in opened) return failed(passage, opened, position, null);
  passage.at = start + need;
  return beginBody(framing, passage, opened, need, position, null);
}

/** In a head that an earlier chunk began: collects just the bytes that are needed, which may turn out to be more. */
function moreHead<H>(framing: Framing<H>, passage: StepContext<H>, part: InHead): Part<H> {
  const { chunk } = passage;
  const { position } = part;
  let { held, need } = part;
  for (;;) {
    const to = Math.min(chunk.length, passage.at + need - held.length);
    held = append(held, chunk, passage.at, to, need);
    passage.at = to;
    if (held.length < need) return { phase: 'head', position, held, need };
    const { bytes } = held.room;
    const measured = framing.headLength(bytes, 0, held.length);
    if (typeof measured !== 'number') return failed(passage, measured, position, held);
    if (!isHeadSize(measured, framing)) {
      return failed(passage, absurdHead(measured, framing), position, held);
    }
    if (measured < held.length) return replayLookahead(framing, passage, position, held);
    need = measured;
    if (need > held.length) continue;
    const opened = framing.parseHead(bytes, 0, need);
    if ('problem' in opened) return failed(passage, opened, position, held);
    return beginBody(framing, passage, opened, need, position, held);
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

/** Whether the answer of a framing is possible: a head of no bytes would be found again and again in the same place. */
function isHeadSize<H>(need: number, framing: Framing<H>): boolean {
  return need >= 1 && need <= framing.maxHead && Number.isInteger(need);
}

function absurdHead<H>(need: number, framing: Framing<H>): HeadFault {
  const message = `the framing asks for a head of ${need} bytes, and may for 1 to ${framing.maxHead}`;
  return headFault('header-invalid', message, need, framing.maxHead);
}
