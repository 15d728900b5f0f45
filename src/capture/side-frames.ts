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
 *  any       the framing says a problem          lost
 *  lost      anything                            lost
 * ```
 *
 * Heads are the deframer's. What lies in a body is only counted: a chunk in the middle of one is a comparison and an
 * addition, and a gap in it costs nothing, however long. What is kept between two chunks is one frame's numbers and
 * first bytes, and what there is of a head.
 */
import { type DeframeState, finish, initialState, stepSome } from '../wire/deframe-step.ts';
import { type FrameFault, faultAt, problem, SAMPLE } from '../wire/fault.ts';
import type { FrameStart } from '../wire/frame-event.ts';
import type { Framing } from '../wire/framing.ts';
import { FRAME_SAMPLE, type InspectedFault, type InspectedFrame } from './inspect-event.ts';
import type { Conversation, Side, StreamChunk, StreamGap } from './stream-event.ts';

/** How the frames of one side are found and named. */
export interface SideFraming {
  readonly framing: Framing<unknown>;
  /** What kind of message a header says it is. */
  label(header: unknown): string | null;
}

export interface SideFrames {
  /** Takes the next bytes, and tells of the frames that they complete. */
  chunk(chunk: StreamChunk): void;
  /** Takes bytes that are missing. */
  gap(gap: StreamGap): void;
  /** Takes the end of what was sent; `cut` when only the recording ended, and there may have been more. */
  end(how: 'ended' | 'cut'): void;
}

/** A frame of which at least a byte is there. */
interface Building {
  readonly position: number;
  readonly firstPacket: number;
  readonly capturedAt: bigint;
  readonly sample: Uint8Array;
  sampled: number;
  /** 0 as long as not all of the head is there. */
  head: number;
  length: number;
  label: string | null;
  chunks: number;
  missing: number;
  firstShared: number;
  lastShared: number;
}

/** Events of the deframer at a time, so that a chunk of tiny frames does not make thousands at once. */
const AT_ONCE = 64;
const MAX_LABEL = 200;

/** @param emit is told of frames, and of at most one fault. */
export function sideFrames(
  conversation: Conversation,
  from: Side,
  { framing, label }: SideFraming,
  emit: (event: InspectedFrame | InspectedFault) => void,
): SideFrames {
  const skipping = withoutBodies(framing);
  /** Between frames or in a head; never in a body. */
  let state: DeframeState<unknown> = initialState();
  let lost = false;
  /** The frame that we are in: in its head as long as `bodyEnd` is null. */
  let current: Building | null = null;
  let bodyEnd: number | null = null;
  /** Where the next frame begins, as far as that is known. */
  let boundary = 0;
  /** Where what was taken ends. */
  let reached = 0;
  let count = 0;
  let lastPacket = 0;
  let lastCaptured = conversation.startedAt;
  let lastDeliverable = conversation.startedAt;

  function tell(frame: Building, unfinished = 0): void {
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
      firstPacket: frame.firstPacket,
      lastPacket,
      capturedAt: frame.capturedAt,
      deliverableAt: lastDeliverable,
      chunks: frame.chunks,
      firstShared: frame.firstShared,
      lastShared: frame.lastShared,
      sample: frame.sample.subarray(0, frame.sampled),
    });
  }

  function fail(fault: Omit<FrameFault, 'code' | 'fatal'> & Pick<InspectedFault, 'code'>): void {
    lost = true;
    current = null;
    bodyEnd = null;
    const { code, message, declared, limit, position, hex, ascii } = fault;
    const where = { packet: lastPacket, capturedAt: lastCaptured };
    emit({
      type: 'fault',
      conversation,
      from,
      code,
      message,
      declared,
      limit,
      position,
      hex,
      ascii,
      ...where,
    });
  }

  function open(frame: Building, { header, head, length }: FrameStart<unknown>): void {
    frame.head = head;
    frame.length = length;
    frame.label = label(header)?.slice(0, MAX_LABEL) ?? null;
    boundary = frame.position + head + length;
  }

  /** Steps through the heads in a chunk from `at` on, and answers the fault it ends with. */
  function frames(chunk: StreamChunk, at: number, begun: Building[], over: Building[]): FrameFault | null {
    while (at < chunk.bytes.length) {
      const stepped = stepSome(skipping, state, chunk.bytes, at, AT_ONCE);
      state = stepped.state;
      at = stepped.at;
      for (const event of stepped.events) {
        if (event.type === 'start') {
          if (current === null) begun.push((current = building(event.position, chunk)));
          open(current, event);
          show(current, chunk);
        } else if (event.type === 'end' && current !== null) {
          over.push(current);
          current = null;
        } else if (event.type === 'fault') return event.fault;
      }
    }
    return null;
  }

  function chunk(chunk: StreamChunk): void {
    const { position, bytes } = chunk;
    reached = position + bytes.length;
    lastPacket = chunk.packet;
    lastCaptured = chunk.capturedAt;
    lastDeliverable = chunk.deliverableAt;
    if (lost) return;
    const before = current;
    let at = 0;
    const begun: Building[] = [];
    const over: Building[] = [];
    if (before !== null) {
      before.chunks++;
      before.lastShared = 0;
      if (before.head > 0 && before.sampled < FRAME_SAMPLE) show(before, chunk);
      if (bodyEnd !== null) {
        if (reached < bodyEnd) return;
        at = bodyEnd - position;
        bodyEnd = null;
        over.push(before);
        current = null;
      }
    }
    const fault = frames(chunk, at, begun, over);
    if (before !== null && current === before && before.head === 0) show(before, chunk);
    // A frame whose head cannot be is none, and shares no chunk with others.
    const none = fault !== null && before !== null && current === before ? 1 : 0;
    if (fault === null && current === null && boundary < reached) {
      begun.push((current = building(boundary, chunk)));
      show(current, chunk);
    }
    const others = begun.length + (before === null ? 0 : 1) - none - 1;
    for (const frame of begun) frame.firstShared = others;
    for (const frame of over) {
      frame.lastShared = others;
      tell(frame);
    }
    if (fault !== null) fail(fault);
    else if (current !== null) {
      current.lastShared = others;
      if (current.head === 0) return;
      // What the deframer would do for every chunk of the body, a comparison does.
      bodyEnd = boundary;
      state = { ...initialState(), taken: boundary };
    }
  }

  function gap({ position, length }: StreamGap): void {
    reached = position + length;
    if (lost) return;
    if (current !== null && bodyEnd !== null) {
      current.missing += Math.min(reached, bodyEnd) - position;
      if (reached < bodyEnd) return;
      tell(current);
      current = null;
      if (reached === bodyEnd) {
        bodyEnd = null;
        return;
      }
    }
    const message =
      `${length} bytes are missing from ${position} on, ` + 'and where the next frame begins is not known';
    fail({ code: 'gap', message, declared: null, limit: null, position, hex: '', ascii: '' });
  }

  function end(how: 'ended' | 'cut'): void {
    if (lost || current === null) return;
    const frame = current;
    if (bodyEnd !== null) {
      const got = reached - frame.position - frame.head;
      tell(frame, bodyEnd - reached);
      const message = `the stream ended in the body of a frame, after ${got} of ${frame.length} bytes`;
      const first = frame.sample.subarray(0, Math.min(SAMPLE, frame.sampled));
      if (how === 'ended')
        fail(faultAt(problem('truncated', message, frame.length), frame.position, first, true));
    } else if (how === 'ended') {
      const [event] = finish(skipping, state).events;
      if (event?.type === 'fault') fail(event.fault);
    }
    current = null;
    lost = true;
  }

  return { chunk, gap, end };
}

function building(position: number, { packet, capturedAt }: StreamChunk): Building {
  return {
    position,
    firstPacket: packet,
    capturedAt,
    sample: new Uint8Array(FRAME_SAMPLE),
    sampled: 0,
    head: 0,
    length: 0,
    label: null,
    chunks: 1,
    missing: 0,
    firstShared: 0,
    lastShared: 0,
  };
}

/** Adds what of a chunk belongs to a frame's first bytes. What lies behind a gap does not. */
function show(frame: Building, { bytes, position }: StreamChunk): void {
  const size = frame.head === 0 ? FRAME_SAMPLE : Math.min(FRAME_SAMPLE, frame.head + frame.length);
  const start = frame.position + frame.sampled - position;
  if (frame.missing > 0 || start < 0 || start >= bytes.length || frame.sampled >= size) return;
  const more = bytes.subarray(start, start + size - frame.sampled);
  frame.sample.set(more, frame.sampled);
  frame.sampled += more.length;
}

/** The same framing, which drops every body. */
function withoutBodies(framing: Framing<unknown>): Framing<unknown> {
  return {
    maxHead: framing.maxHead,
    maxWhole: framing.maxWhole,
    measure: (bytes, start, end) => framing.measure(bytes, start, end),
    open(bytes, start, end) {
      const opened = framing.open(bytes, start, end);
      return 'problem' in opened || opened.delivery === 'skip' ? opened : { ...opened, delivery: 'skip' };
    },
  };
}
