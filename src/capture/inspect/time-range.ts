/**
 * Leaves of a recording what happened in a range of time.
 *
 * ```text
 *  before the range   packets are read, so that conversations keep their numbers and frames are found; events are not
 *                     handed on
 *  in the range       events are handed on. The first of a conversation comes behind its `open` and its `framing`
 *  behind the range   nothing is read
 * ```
 */
import type { Packet } from '../packet.ts';
import type { Conversation } from '../stream-event.ts';
import type { FramingChosen, InspectEvent } from './inspect-event.ts';

/** A time in nanoseconds: since 1970, or since the first packet. */
export interface TimeBound {
  readonly nanos: bigint;
  readonly since: '1970' | 'first-packet';
}

export interface TimeBounds {
  readonly after?: TimeBound;
  readonly before?: TimeBound;
}

export interface TimeRange {
  /** Passes on the batches, without packets later than the range. */
  packets(batches: AsyncIterable<readonly Packet[]>): AsyncIterable<readonly Packet[]>;
  /** Whether a packet of a batch that was passed on is not before the range. */
  has(packet: Packet): boolean;
  /** Emits an event of the range, perhaps behind events of before it. */
  take<E extends InspectEvent>(event: E, emit: (event: E) => void): void;
}

/** How far packets of a capture may be from the order of their times. */
const DISORDER_NANOS = 10_000_000_000n;

interface RangeState {
  readonly bounds: TimeBounds;
  /** Null without a bound. They are set when the first packet is known. */
  after: bigint | null;
  before: bigint | null;
  /** The time of the last event that has one. */
  now: bigint;
  /** Conversations that are open, and of which nothing was in the range, with their framing once it is known. */
  readonly silent: Map<number, FramingChosen | null>;
}

export function createTimeRange(bounds: TimeBounds): TimeRange {
  const range: RangeState = { bounds, after: null, before: null, now: 0n, silent: new Map() };
  return {
    packets: (batches) => packets(range, batches),
    has: ({ time }) => range.after === null || time >= range.after,
    take: (event, emit) => take(range, event, emit as (event: InspectEvent) => void),
  };
}

async function* packets(
  range: RangeState,
  batches: AsyncIterable<readonly Packet[]>,
): AsyncGenerator<readonly Packet[]> {
  let begun = false;
  for await (const batch of batches) {
    if (!begun) begin(range, batch[0]!.time);
    begun = true;
    const { before } = range;
    if (before === null || batch.every(({ time }) => time <= before)) {
      yield batch;
      continue;
    }
    const within = batch.filter(({ time }) => time <= before);
    if (within.length > 0) yield within;
    if (batch.some(({ time }) => time > before + DISORDER_NANOS)) return;
  }
}

function begin(range: RangeState, first: bigint): void {
  const timeOf = ({ nanos, since }: TimeBound): bigint => (since === '1970' ? nanos : first + nanos);
  const { after, before } = range.bounds;
  range.after = after === undefined ? null : timeOf(after);
  range.before = before === undefined ? null : timeOf(before);
}

function take(range: RangeState, event: InspectEvent, emit: (event: InspectEvent) => void): void {
  const { after, silent } = range;
  if (after === null) {
    emit(event);
    return;
  }
  if ('capturedAt' in event) range.now = event.capturedAt;
  if (!('conversation' in event)) {
    if (event.type === 'unread' || range.now >= after) emit(event);
    return;
  }
  const { conversation } = event;
  const { index } = conversation;
  if (event.type === 'open' && conversation.startedAt < after) {
    silent.set(index, null);
    return;
  }
  const framing = silent.get(index);
  if (framing === undefined) {
    // An `after-reset` may come behind the close of a conversation that was over before the range.
    if (event.type !== 'after-reset' || conversation.startedAt >= after || range.now >= after) emit(event);
    return;
  }
  if (event.type === 'framing') {
    silent.set(index, event);
    return;
  }
  const time = event.type === 'close' ? event.endedAt : 'capturedAt' in event ? event.capturedAt : range.now;
  if (event.type === 'close') silent.delete(index);
  if (time < after) return;
  silent.delete(index);
  emitOpen(conversation, framing, emit);
  emit(event);
}

function emitOpen(
  conversation: Conversation,
  framing: FramingChosen | null,
  emit: (event: InspectEvent) => void,
): void {
  emit({ type: 'open', conversation });
  if (framing !== null) emit(framing);
}
