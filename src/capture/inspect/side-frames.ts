/**
 * Finds the frames in the bytes of one side of a recorded connection, and how its chunks carried them.
 *
 * ```text
 *  in        what comes                          then in
 *  between   the head is not all in the chunk    head
 *  between   the head is all there               body, or between when all of it is there
 *  head      the rest of the head                as above
 *  body      bytes, or a gap, up to its end      body; at the end: between
 *  between,  a gap                               lost
 *  head, or a gap over the body's end
 *  any       the framing finds a fault           lost, for good
 *  lost      a place that is believed            between, or head, or body: all from there on is read
 *  lost      anything else                       lost
 * ```
 *
 * A place is looked for (`resync/search`) behind a gap, and from the first byte on when the recording began in the
 * middle; but only where heads of the protocol can be told from other bytes.
 *
 * The deframer reads the heads. Bytes of a body are only counted: a chunk in the middle of one costs a comparison and
 * an addition, and a gap in it costs nothing, however long. Between two chunks, one frame's numbers and first bytes are
 * kept, and the beginning of a head.
 */
import { initialDeframeState, stepUpTo } from '../../wire/deframe/deframe-step.ts';
import type { FrameFault } from '../../wire/fault.ts';
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
import type { Labels } from './labels/label.ts';
import { chunkFrom, type HeldTotal } from './resync/held.ts';
import {
  endSearch,
  type FoundPlace,
  giveUp,
  isInVain,
  type Search,
  searchChunk,
  searchGap,
  startSearch,
} from './resync/search.ts';
import {
  type EmitFrame,
  emitFault,
  emitFoundAgain,
  emitFrame,
  endFault,
  endOpenBody,
  NOWHERE_FAULT,
  type SideFraming,
  type SideReader,
} from './side-reader.ts';

export interface SideFrames {
  /** Takes the next bytes, and emits the frames that they complete. */
  chunk(chunk: StreamChunk): void;
  /** Takes bytes that are missing. */
  gap(gap: StreamGap): void;
  /** Takes the end of what was sent; `cut` when only the recording ended, and there may have been more. */
  end(how: 'ended' | 'cut'): void;
}

/**
 * The most events that the deframer makes at a time, so that a chunk of tiny frames does not make thousands at once.
 */
const BATCH_EVENTS = 64;

/**
 * @param labels those of the conversation, for both sides.
 * @param emit is called with each frame, each fault, and each place where frames are found again.
 * @param heldTotal what all sides hold that are searched.
 */
export function createSideFrames(
  conversation: Conversation,
  from: Side,
  { framing, label, heads }: SideFraming,
  labels: Labels | null,
  emit: EmitFrame,
  heldTotal: HeldTotal,
): SideFrames {
  const isSearched = heads !== null && conversation.opening === 'midstream';
  const side: SideReader = {
    conversation,
    from,
    label,
    labels,
    skipping: withoutBodies(framing),
    emit,
    heads,
    heldTotal,
    search: isSearched ? startSearch(heads, from, 'midstream', 0, heldTotal) : null,
    deframer: initialDeframeState(),
    lost: isSearched,
    current: null,
    boundary: 0,
    pending: [],
    reached: 0,
    count: 0,
    last: { packet: 0, capturedAt: conversation.startedAt },
  };
  return {
    chunk: (chunk) => takeChunk(side, chunk),
    gap: (gap) => takeGap(side, gap),
    end: (how) => end(side, how),
  };
}

function takeChunk(side: SideReader, chunk: StreamChunk): void {
  const here = carrierOf(chunk);
  side.reached = here.end;
  side.last = here;
  if (side.search !== null) readOn(side, searchChunk(side.search, chunk));
  else if (!side.lost) readChunk(side, here);
}

function readChunk(side: SideReader, here: Carrier): void {
  if (side.current === null) readFrames(side, here, 0, []);
  else {
    addCarrier(side.current, here);
    // A comparison replaces the deframer for chunks within a body.
    if (side.reached < side.boundary) here.bytes = NO_BYTES;
    else readFrames(side, here, side.boundary - here.start, [side.current]);
  }
}

/**
 * Reads the rest of a chunk from `at` on, where a head begins or continues, and emits the frames that end in the chunk.
 *
 * @param ended the frame that has ended at `at`, if one has.
 */
function readFrames(side: SideReader, here: Carrier, at: number, ended: CarriedFrame[]): void {
  side.current = null;
  // `carriedFrame` counts the head anew in each of its chunks, as a part of its frame.
  for (const each of side.pending) each.frames--;
  const fault = readHeads(side, here, at, ended);
  if (fault === null && !isInBody(side) && side.boundary < side.reached) keepHead(side, here);
  else {
    side.pending = [];
    here.bytes = NO_BYTES;
  }
  if (isInBody(side)) side.deframer = { ...initialDeframeState(), taken: side.boundary };
  for (const frame of ended) emitFrame(side, frame);
  if (fault !== null) emitFault(side, fault);
}

const isInBody = ({ current }: SideReader): boolean => current !== null;

/** Finds the heads in a chunk from `at` on, and adds the frames that end in it. Returns the fault that it ends with. */
function readHeads(side: SideReader, here: Carrier, from: number, ended: CarriedFrame[]): FrameFault | null {
  const { bytes } = here;
  let at = from;
  while (at < bytes.length) {
    const stepped = stepUpTo(side.skipping, side.deframer, bytes, at, BATCH_EVENTS);
    side.deframer = stepped.state;
    at = stepped.at;
    for (const event of stepped.events) {
      if (event.type === 'start') {
        const carriers = event.position < here.start ? [...side.pending, here] : [here];
        side.current = carriedFrame(event, side.label, side.labels, carriers);
        side.boundary = event.position + event.head + event.length;
      } else if (event.type === 'end' && side.current !== null) {
        ended.push(side.current);
        side.current = null;
      } else if (event.type === 'fault') return event.fault;
    }
  }
  return null;
}

/** Keeps the beginning of a head. It belongs to a frame, so it counts as one more in each of its chunks. */
function keepHead(side: SideReader, here: Carrier): void {
  const skip = Math.max(0, side.boundary - here.start);
  here.bytes = here.bytes.slice(skip);
  here.start += skip;
  side.pending = [...side.pending.filter(({ end }) => end > side.boundary), here];
  for (const each of side.pending) each.frames++;
}

function takeGap(side: SideReader, gap: StreamGap): void {
  side.reached = gap.position + gap.length;
  if (side.search !== null) readOn(side, searchGap(side.search, gap));
  else if (!side.lost) readGap(side, gap);
}

function readGap(side: SideReader, gap: StreamGap): void {
  const { position, length } = gap;
  const { boundary, current, reached } = side;
  if (current !== null) {
    current.missing += Math.min(reached, boundary) - position;
    if (reached < boundary) return;
    emitFrame(side, current);
    side.current = null;
    if (reached === boundary) return;
  }
  const message = `${length} bytes are missing, and where the next frame begins is not known without them`;
  emitFault(side, { code: 'gap', message, declared: null, limit: null, position, hex: '', ascii: '' });
  const { heads, from, heldTotal } = side;
  if (heads === null) return;
  side.search = startSearch(heads, from, 'gap', boundary, heldTotal);
  searchGap(side.search, gap);
}

/** Reads from a place that was found on; or goes on searching, when none was. */
function readOn(side: SideReader, found: FoundPlace | null): void {
  const { search } = side;
  if (search === null) return;
  if (found === null) {
    if (isInVain(search)) endInVain(side, search);
    return;
  }
  const { position, events } = found;
  side.search = null;
  side.lost = false;
  side.boundary = position;
  side.deframer = { ...initialDeframeState(), taken: position };
  emitFoundAgain(side, search.reason, found);
  for (const event of events) {
    if (event.type === 'gap') takeGap(side, event);
    else takeChunk(side, event.position < position ? chunkFrom(event, position) : event);
  }
}

/** Gives a search up. That frames are lost was said at a gap, and is not yet known of a recording from the middle. */
function endInVain(side: SideReader, search: Search): void {
  giveUp(search);
  side.search = null;
  if (search.reason === 'midstream' && side.reached > 0) emitFault(side, NOWHERE_FAULT);
}

function end(side: SideReader, how: 'ended' | 'cut'): void {
  const { search } = side;
  if (search !== null) {
    readOn(side, endSearch(search, how));
    if (side.search !== null) endInVain(side, search);
  }
  if (side.lost) return;
  side.lost = true;
  const { boundary, current, reached } = side;
  const isOpenBody = endOpenBody(side);
  if (current !== null) emitFrame(side, current, isOpenBody ? 0 : boundary - reached);
  const fault = isOpenBody ? null : endFault(side);
  side.current = null;
  side.pending = [];
  if (fault !== null && how === 'ended') emitFault(side, fault);
}

/** The same framing, which drops every body. */
function withoutBodies(framing: Framing<unknown>): Framing<unknown> {
  return {
    maxHead: framing.maxHead,
    maxWhole: framing.maxWhole,
    headLength: (bytes, start, end) => framing.headLength(bytes, start, end),
    parseHead(bytes, start, end) {
      const opened = framing.parseHead(bytes, start, end);
      return 'code' in opened || opened.delivery === 'skip' ? opened : { ...opened, delivery: 'skip' };
    },
  };
}
