/** The state of the reading of one side, and the events that it makes: its frames, and the fault that ends it. */
import { type DeframeState, finish } from '../../wire/deframe/deframe-step.ts';
import { type FrameFault, faultAt, headFault, SAMPLE_BYTES_MAX } from '../../wire/fault.ts';
import type { Framing } from '../../wire/framing.ts';
import type { Conversation, Side } from '../stream-event.ts';
import type { CarriedFrame, Carrier } from './carried-frame.ts';
import { TO_THE_END } from './http-framing.ts';
import {
  type FoundAgain,
  FRAME_SAMPLE_BYTES,
  type InspectedFault,
  type InspectedFrame,
} from './inspect-event.ts';
import type { Labels } from './labels/label.ts';
import type { HeldTotal } from './resync/held.ts';
import type { PlausibleHeads } from './resync/plausible-heads.ts';
import type { FoundPlace, Search, SearchReason } from './resync/search.ts';

const LABEL_LENGTH_MAX = 200;

/** How the frames of one side are found and named. */
export interface SideFraming {
  readonly framing: Framing<unknown>;
  /** The kind of message that a header announces. */
  label(header: unknown): string | null;
  /** What heads look like where none is known; null when frames are not found again once they are lost. */
  readonly heads: PlausibleHeads | null;
  /** Framings of the two sides of one conversation, where they depend on what was said in it; instead of `framing`. */
  readonly bySide?: () => Readonly<Record<Side, Framing<unknown>>>;
}

export type EmitFrame = (event: InspectedFrame | InspectedFault | FoundAgain) => void;

/** The reading of one side of a conversation. */
export interface SideReader {
  readonly conversation: Conversation;
  readonly from: Side;
  readonly label: SideFraming['label'];
  /** Labels that say more; null when there are none. */
  readonly labels: Labels | null;
  /** The framing, which skips all bodies. */
  readonly skipping: Framing<unknown>;
  readonly emit: EmitFrame;
  readonly heads: PlausibleHeads | null;
  /** What all sides hold that are searched. */
  readonly heldTotal: HeldTotal;
  /** The search for a place where frames begin, while that is not known; null otherwise, and when there is none. */
  search: Search | null;
  /** Between frames or in a head; never in a body. */
  deframer: DeframeState<unknown>;
  /** Whether no frame can be found: after a fault, during a search, or after the end. */
  lost: boolean;
  /** The frame whose body comes next; null between frames and in a head. */
  current: CarriedFrame | null;
  /** Where the next frame begins, as far as it is known. */
  boundary: number;
  /** In a head, the chunks that have bytes of it. Together they have no more bytes than a head may have. */
  pending: Carrier[];
  /** Where the bytes end that were taken. */
  reached: number;
  /** The number of frames so far. */
  count: number;
  /** The packet of the last chunk. */
  last: Pick<Carrier, 'packet' | 'capturedAt'>;
}

/** Sets the length of a body that goes on up to the end, once the end is there. */
export function endOpenBody({ current, reached }: SideReader): boolean {
  if (current === null || current.length !== TO_THE_END) return false;
  current.length = reached - current.position - current.head;
  return true;
}

/** Returns the fault of a stream that ends here: in a body or in a head. Null when it ends between two frames. */
export function endFault({ current, deframer, reached, skipping }: SideReader): FrameFault | null {
  if (current === null) {
    const [event] = finish(skipping, deframer).events;
    return event?.type === 'fault' ? event.fault : null;
  }
  const { position, head, length, sample } = current;
  const got = reached - position - head;
  const message = `the stream ended in the body of a frame, after ${got} of ${length} bytes`;
  return faultAt(
    headFault('truncated', message, length),
    position,
    sample.subarray(0, SAMPLE_BYTES_MAX),
    true,
  );
}

/** @param unfinished bytes of its body that did not come before the end. */
export function emitFrame(side: SideReader, frame: CarriedFrame, unfinished = 0): void {
  const { conversation, from, emit } = side;
  const missing = frame.missing + unfinished;
  side.count++;
  emit({
    type: 'frame',
    conversation,
    from,
    number: side.count,
    position: frame.position,
    head: frame.head,
    length: frame.length,
    label: labelOf(side, frame),
    state: unfinished > 0 ? 'unfinished' : missing > 0 ? 'incomplete' : 'whole',
    missing,
    firstPacket: frame.first.packet,
    lastPacket: frame.last.packet,
    capturedAt: frame.first.capturedAt,
    deliverableAt: frame.last.deliverableAt,
    chunks: frame.chunks,
    firstShared: frame.first.frames - 1,
    lastShared: frame.last.frames - 1,
    sample:
      frame.sample.length > FRAME_SAMPLE_BYTES ? frame.sample.slice(0, FRAME_SAMPLE_BYTES) : frame.sample,
  });
}

function labelOf({ from, labels }: SideReader, { head, label, length, sample }: CarriedFrame): string | null {
  const more = labels?.of({ from, bytes: sample, head, length }) ?? null;
  return (more ?? label)?.slice(0, LABEL_LENGTH_MAX) ?? null;
}

type FaultFacts = Omit<FrameFault, 'code' | 'fatal'> & Pick<InspectedFault, 'code'>;

/** Emits the fault after which no further frame of the side can be found, but by a search. */
export function emitFault(side: SideReader, fault: FaultFacts): void {
  side.lost = true;
  side.current = null;
  side.pending = [];
  const { conversation, from, emit, last } = side;
  const { code, message, declared, limit, position, hex, ascii } = fault;
  const { packet, capturedAt } = last;
  const facts = { code, message, declared, limit, position, hex, ascii };
  emit({ type: 'fault', conversation, from, ...facts, packet, capturedAt });
}

/** The fault of a recording that began in the middle, in which no place was found at which a frame begins. */
export const NOWHERE_FAULT: FaultFacts = {
  code: 'midstream',
  message:
    'the recording begins in the middle of the connection, and no place is surely the beginning of a frame',
  ...{ declared: null, limit: null, position: 0, hex: '', ascii: '' },
};

/** Emits that frames are found from a place on. */
export function emitFoundAgain(side: SideReader, reason: SearchReason, found: FoundPlace): void {
  const { conversation, from, emit } = side;
  const { position, skipped, missing, events } = found;
  const first = events.find((event) => event.type === 'chunk');
  const { packet, capturedAt } = first ?? side.last;
  emit({
    ...{ type: 'found-again', conversation, from, position, reason, skipped, missing, packet, capturedAt },
  });
}
