/**
 * The frames in what one side of a recorded connection sent, and how its chunks carried them.
 *
 * ```text
 *  in        what comes                          then in
 *  between   the head is not all in the chunk    head
 *  between   the head is all there               body, or between when all of it is there
 *  head      the rest of the head                as above
 *  body      bytes, or a gap, up to its end      body; at the end: between
 *  between,  a gap                               lost
 *  head, or a gap over the body's end
 *  any       the framing finds a fault           lost
 *  lost      anything                            lost
 * ```
 *
 * The deframer reads the heads. Bytes of a body are only counted: a chunk in the middle of one costs a comparison and
 * an addition, and a gap in it costs nothing, however long. Between two chunks, one frame's numbers and first bytes are
 * kept, and the beginning of a head.
 */
import { type DeframeState, finish, initialState, stepUpTo } from '../../wire/deframe-step.ts';
import { type FrameFault, faultAt, headFault, SAMPLE_BYTES_MAX } from '../../wire/fault.ts';
import type { Framing } from '../../wire/framing.ts';
import type { Conversation, Side, StreamChunk, StreamGap } from '../stream-event.ts';
import {
  addCarrier,
  type CarriedFrame,
  type Carrier,
  carriedFrame,
  carrierOf,
  NO_BYTES,
} from './carried-frame.ts';
import type { InspectedFault, InspectedFrame } from './inspect-event.ts';

/** How the frames of one side are found and named. */
export interface SideFraming {
  readonly framing: Framing<unknown>;
  /** The kind of message that a header announces. */
  label(header: unknown): string | null;
}

export interface SideFrames {
  /** Takes the next bytes, and emits the frames that they complete. */
  chunk(chunk: StreamChunk): void;
  /** Takes bytes that are missing. */
  gap(gap: StreamGap): void;
  /** Takes the end of what was sent; `cut` when only the recording ended, and there may have been more. */
  end(how: 'ended' | 'cut'): void;
}

/** Events of the deframer at a time, so that a chunk of tiny frames does not make thousands at once. */
const BATCH_EVENTS = 64;

/** @param emit is called with each frame, and with at most one fault. */
export function createSideFrames(
  conversation: Conversation,
  from: Side,
  { framing, label }: SideFraming,
  emit: (event: InspectedFrame | InspectedFault) => void,
): SideFrames {
  const skipping = withoutBodies(framing);
  /** Between frames or in a head; never in a body. */
  let state: DeframeState<unknown> = initialState();
  let lost = false;
  /** The frame in whose body we are. */
  let current: CarriedFrame | null = null;
  /** Where the next frame begins: for all that is known yet, when we are in its head. */
  let boundary = 0;
  /** The chunks from there on, when we are in a head: no more bytes than it may have. */
  let pending: Carrier[] = [];
  /** Where what was taken ends. */
  let reached = 0;
  let count = 0;
  let last: Pick<Carrier, 'packet' | 'capturedAt'> = { packet: 0, capturedAt: conversation.startedAt };

  function emitFrame(frame: CarriedFrame, unfinished = 0): void {
    const missing = frame.missing + unfinished;
    emit({
      type: 'frame',
      conversation,
      from,
      number: ++count,
      position: frame.position,
      head: frame.head,
      length: frame.length,
      label: frame.label,
      state: unfinished > 0 ? 'unfinished' : missing > 0 ? 'incomplete' : 'whole',
      missing,
      firstPacket: frame.first.packet,
      lastPacket: frame.last.packet,
      capturedAt: frame.first.capturedAt,
      deliverableAt: frame.last.deliverableAt,
      chunks: frame.chunks,
      firstShared: frame.first.frames - 1,
      lastShared: frame.last.frames - 1,
      sample: frame.sample,
    });
  }

  function emitFault(fault: Omit<FrameFault, 'code' | 'fatal'> & Pick<InspectedFault, 'code'>): void {
    lost = true;
    current = null;
    pending = [];
    const { code, message, declared, limit, position, hex, ascii } = fault;
    const { packet, capturedAt } = last;
    const what = { code, message, declared, limit, position, hex, ascii };
    emit({ type: 'fault', conversation, from, ...what, packet, capturedAt });
  }

  /** Finds the heads in a chunk from `at` on, and answers the fault it ends with. */
  function readHeads(here: Carrier, at: number, over: CarriedFrame[]): FrameFault | null {
    const { bytes } = here;
    while (at < bytes.length) {
      const stepped = stepUpTo(skipping, state, bytes, at, BATCH_EVENTS);
      state = stepped.state;
      at = stepped.at;
      for (const event of stepped.events) {
        if (event.type === 'start') {
          const among = event.position < here.start ? [...pending, here] : [here];
          current = carriedFrame(event, label, among);
          boundary = event.position + event.head + event.length;
        } else if (event.type === 'end' && current !== null) {
          over.push(current);
          current = null;
        } else if (event.type === 'fault') return event.fault;
      }
    }
    return null;
  }

  function chunk(chunk: StreamChunk): void {
    const here = carrierOf(chunk);
    reached = here.end;
    last = here;
    if (lost) return;
    const over: CarriedFrame[] = [];
    let at = 0;
    if (current !== null) {
      addCarrier(current, here);
      // A comparison replaces the deframer for chunks within a body.
      if (reached < boundary) {
        here.bytes = NO_BYTES;
        return;
      }
      over.push(current);
      current = null;
      at = boundary - here.start;
    }
    // A head that is now known is counted as what it turns out to be.
    for (const each of pending) each.frames--;
    const fault = readHeads(here, at, over);
    // Set by `heads`, which the compiler does not see.
    const inBody = current as CarriedFrame | null;
    if (fault === null && inBody === null && boundary < reached) keepHead(here);
    else {
      pending = [];
      here.bytes = NO_BYTES;
    }
    if (inBody !== null) state = { ...initialState(), taken: boundary };
    for (const frame of over) emitFrame(frame);
    if (fault !== null) emitFault(fault);
  }

  /** Keeps what there is of a head, which is a frame's, and so one more in each of its chunks. */
  function keepHead(here: Carrier): void {
    const skip = Math.max(0, boundary - here.start);
    here.bytes = here.bytes.slice(skip);
    here.start += skip;
    pending = [...pending.filter(({ end }) => end > boundary), here];
    for (const each of pending) each.frames++;
  }

  function gap({ position, length }: StreamGap): void {
    reached = position + length;
    if (lost) return;
    if (current !== null) {
      current.missing += Math.min(reached, boundary) - position;
      if (reached < boundary) return;
      emitFrame(current);
      current = null;
      if (reached === boundary) return;
    }
    const message = `${length} bytes are missing, and where the next frame begins is not known without them`;
    emitFault({ code: 'gap', message, declared: null, limit: null, position, hex: '', ascii: '' });
  }

  function end(how: 'ended' | 'cut'): void {
    if (lost) return;
    lost = true;
    let fault: FrameFault | null = null;
    if (current !== null) {
      const { position, head, length, sample } = current;
      emitFrame(current, boundary - reached);
      const got = reached - position - head;
      const message = `the stream ended in the body of a frame, after ${got} of ${length} bytes`;
      fault = faultAt(
        headFault('truncated', message, length),
        position,
        sample.subarray(0, SAMPLE_BYTES_MAX),
        true,
      );
    } else {
      const [event] = finish(skipping, state).events;
      if (event?.type === 'fault') fault = event.fault;
    }
    current = null;
    pending = [];
    if (fault !== null && how === 'ended') emitFault(fault);
  }

  return { chunk, gap, end };
}

/** The same framing, which drops every body. */
function withoutBodies(framing: Framing<unknown>): Framing<unknown> {
  return {
    maxHead: framing.maxHead,
    maxWhole: framing.maxWhole,
    headLength: (bytes, start, end) => framing.headLength(bytes, start, end),
    parseHead(bytes, start, end) {
      const opened = framing.parseHead(bytes, start, end);
      return 'problem' in opened || opened.delivery === 'skip' ? opened : { ...opened, delivery: 'skip' };
    },
  };
}
