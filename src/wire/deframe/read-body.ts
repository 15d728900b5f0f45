/**
 * The body of a frame, once its head was read.
 *
 * ```text
 *  in     when                                      emits                     then in
 *  opened deliver whole, all of it in this chunk    frame (a view)            idle
 *         deliver whole, not all of it              -                         whole
 *         deliver whole, over maxWhole              start(skip) fault [end]   body, or idle if empty
 *         deliver stream or skip                    start [end]               body, or idle if empty
 *  whole  some of it arrives                        -                         whole
 *  whole  the rest of it                            frame (gathered)          idle
 *  body   some of it                                [data]                    body
 *  body   the rest of it                            [data] end                idle
 * ```
 */
import { check, oneOf } from '../argument.ts';
import { faultAt, headFault } from '../fault.ts';
import type { FrameEnd } from '../frame-event.ts';
import type { Framing, ParsedHead } from '../framing.ts';
import type { ChunkBuffer } from './chunk-buffer.ts';
import { append, gather } from './chunk-buffer.ts';
import type { InBody, InWhole, Part, StepContext } from './deframe-state.ts';
import { failed, IDLE, sampleOf } from './deframe-state.ts';

/** One object for all frames, since it has no fields but its type. */
const END: FrameEnd = Object.freeze({ type: 'end' });

/** A framing whose delivery is misspelt must not drop the body in silence. */
const DELIVERIES = oneOf('stream', 'whole', 'skip');

const NONE = new Uint8Array(0);

/** A view of `chunk[from..to)`; the chunk itself when that is all of it. */
function view(chunk: Uint8Array, from: number, to: number): Uint8Array {
  if (to - from === chunk.length) return chunk;
  return new Uint8Array(chunk.buffer, chunk.byteOffset + from, to - from);
}

/**
 * Called at the first byte of a body.
 *
 * @param held the head, when it had to be gathered from several chunks.
 */
export function beginBody<H>(
  framing: Framing<H>,
  context: StepContext<H>,
  opened: ParsedHead<H>,
  head: number,
  position: number,
  held: ChunkBuffer | null,
): Part<H> {
  const { header, length, delivery } = opened;
  const { chunk, at, events } = context;
  if (!Number.isSafeInteger(length) || length < 0) {
    const what = headFault('body-length-invalid', `the header says a body of ${length} bytes`, length);
    return failed(context, what, position, held);
  }
  const tooLarge = delivery === 'whole' && length > framing.maxWhole;
  if (delivery === 'whole' && !tooLarge) {
    if (length <= chunk.length - at) {
      context.at = at + length;
      events.push({ type: 'frame', header, body: view(chunk, at, context.at), head, position });
      return IDLE;
    }
    const sample = sampleOf(context, position, held);
    context.at = chunk.length;
    return {
      phase: 'whole',
      position,
      header,
      head,
      length,
      held: gather(chunk, at, chunk.length, length),
      sample,
    };
  }
  const streamed = delivery === 'stream';
  if (!streamed && !tooLarge && delivery !== 'skip') check('the delivery of a body', delivery, DELIVERIES);
  events.push({ type: 'start', header, length, head, delivery: streamed ? 'stream' : 'skip', position });
  if (tooLarge) {
    const message = `the body has ${length} bytes, and the most that is delivered whole is ${framing.maxWhole}`;
    const what = headFault('body-too-large', message, length, framing.maxWhole);
    events.push({ type: 'fault', fault: faultAt(what, position, sampleOf(context, position, held), false) });
  }
  if (length === 0) {
    events.push(END);
    return IDLE;
  }
  // Only a body that goes on after this chunk can be cut short, and its fault shows the sample.
  const sample = length > chunk.length - at ? sampleOf(context, position, held) : NONE;
  return { phase: 'body', position, streamed, length, left: length, sample };
}

/** Hands on the next piece of a body. Called with at least one byte in the chunk. */
export function moreBody<H>(context: StepContext<H>, part: InBody): Part<H> {
  const { chunk, at, events } = context;
  const to = Math.min(chunk.length, at + part.left);
  context.at = to;
  if (part.streamed) events.push({ type: 'data', bytes: view(chunk, at, to) });
  const left = part.left - (to - at);
  if (left === 0) {
    events.push(END);
    return IDLE;
  }
  return { ...part, left };
}

/** Collects the next bytes of a body that is handed on whole. */
export function moreWhole<H>(context: StepContext<H>, part: InWhole<H>): Part<H> {
  const { chunk, at, events } = context;
  const { position, header, head, length } = part;
  const to = Math.min(chunk.length, at + length - part.held.length);
  context.at = to;
  const held = append(part.held, chunk, at, to, length);
  if (held.length < length) return { ...part, held };
  // The room has grown to the length exactly, so it is the body.
  events.push({ type: 'frame', header, body: held.room.bytes, head, position });
  return IDLE;
}
