/** Reads the TCP streams of a capture: from packets to segments, and from segments to streams. */
import { ANYTHING, checkOptions, type RulesFor } from '../wire/argument.ts';
import { type Capture, checkCapture } from './capture.ts';
import { createDissector, type DissectOptions } from './dissect/dissect.ts';
import type { Packet } from './packet.ts';
import { readPackets } from './read-packets.ts';
import { createEventOrder } from './reassembly/event-order.ts';
import { createHeldCopies, ownCopies } from './reassembly/held-copies.ts';
import { createReassembly, type ReassemblyOptions } from './reassembly/reassembly.ts';
import type { NoSegment, Segment } from './segment.ts';
import type { StreamEvent } from './stream-event.ts';
import { createUnread } from './unread.ts';

/** How packets are put together to streams, and how much memory that may take. All may be left out. */
export interface StreamOptions extends DissectOptions, ReassemblyOptions {
  /**
   * The meaning of a RST may be decided some packets later. With `as-decided` (the default) the events of other
   * conversations do not wait for that, so a `reset` may come after events of later packets. With `in-place` they wait,
   * so a `reset` comes in the order of its packet; when 4 MiB of events wait, the RST ends its conversation.
   */
  readonly resets?: 'as-decided' | 'in-place';
}

/** The dissector and the reassembly check what they are. */
const STREAM_RULES: RulesFor<StreamOptions> = {
  resets: ANYTHING,
  checksums: ANYTHING,
  maxConversations: ANYTHING,
  maxHeldBytes: ANYTHING,
  maxHeldSegments: ANYTHING,
  maxHeldTotal: ANYTHING,
};

/**
 * Reads the TCP connections of a capture: see `StreamEvent`. Packets that are not TCP over IP are skipped, and counted.
 *
 * The events come in batches, one a batch of packets; memory is bounded by the options, not by the capture.
 *
 * @returns events; throws a `CaptureError` when the capture is damaged, cut or none, after everything before the damage
 * was yielded, every conversation closed and `unread` emitted. Throws a RangeError when an option is out of its
 * bounds.
 * @example
 * for await (const events of readStreams(captureFile('traffic.pcapng'))) {
 *   for (const event of events) if (event.type === 'chunk') console.log(event.from, event.bytes);
 * }
 */
export async function* readStreams(
  capture: Capture,
  options: StreamOptions = {},
): AsyncGenerator<readonly StreamEvent[], void, undefined> {
  checkOptions('readStreams', options, STREAM_RULES);
  checkCapture('readStreams', capture, options);
  const { resets = 'as-decided' } = options;
  if (resets !== 'as-decided' && resets !== 'in-place') {
    throw new RangeError(`resets must be 'as-decided' or 'in-place', and is ${String(resets)}`);
  }
  yield* streamsOf(readPackets(capture), { options, reused: capture.reused ?? false });
}

/** Where the packets of `streamsOf` are, and what else is told of them. */
export interface PacketStreams {
  readonly options?: StreamOptions;
  /** Whether the bytes of packets may be looked at only until the next batch is asked for. */
  readonly reused: boolean;
  /** Is called for each segment, with the index of the conversation whose addresses it has at that moment. */
  readonly onSegment?: (segment: Segment, conversation: number) => void;
  /** Is called for each packet that is in no stream, or is a fragment and so not yet. */
  readonly onUnread?: (unread: NoSegment) => void;
}

/** `readStreams` for packets from any source, whose options were checked. */
export async function* streamsOf(
  batches: AsyncIterable<readonly Packet[]>,
  { options = {}, reused, onSegment, onUnread }: PacketStreams,
): AsyncGenerator<readonly StreamEvent[], void, undefined> {
  const order = createEventOrder();
  const { emit } = order;
  const dissector = createDissector(options, emit);
  const copies = reused ? createHeldCopies() : ownCopies;
  const reassembly = createReassembly(options, options.resets === 'in-place' ? order : undefined, copies);
  const unread = createUnread();
  const skip = (it: NoSegment): void => {
    unread.take(it);
    const { packet, skipped, message } = it;
    if (skipped !== 'other') emit({ type: 'skipped', packet: packet.number, why: skipped, message });
  };
  const finish = (): void => {
    for (const lost of dissector.end()) skip(lost);
    reassembly.end(emit);
    const event = unread.event();
    if (event !== null) emit(event);
  };

  let fault: { readonly thrown: unknown } | null = null;
  try {
    for await (const packets of batches) {
      for (const packet of packets) {
        const it = dissector.dissect(packet);
        // A fragment is lost only when the others never come, which the dissector reports at the end.
        if (!('skipped' in it)) {
          reassembly.take(it, emit);
          for (let tcp = order.excess(); tcp !== null; tcp = order.excess()) reassembly.decide(tcp, emit);
          onSegment?.(it, reassembly.conversationAt(it.flow));
        } else {
          onUnread?.(it);
          if (it.skipped !== 'fragment') skip(it);
        }
      }
      const events = order.take();
      if (events.length > 0) yield events;
      copies.recycle();
    }
  } catch (thrown) {
    fault = { thrown };
  }
  finish();
  const events = order.take();
  if (events.length > 0) yield events;
  if (fault !== null) throw fault.thrown;
}
