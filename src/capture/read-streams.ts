/** The TCP streams of a capture: packets, segments and streams, one behind the other. */
import type { Capture } from './capture.ts';
import { createDissector, type DissectOptions } from './dissect.ts';
import { readPackets } from './read-packets.ts';
import type { NoSegment } from './segment.ts';
import type { StreamEvent } from './stream-event.ts';
import { createReassembly, type ReassemblyOptions } from './streams/reassembly.ts';
import { createUnread } from './unread.ts';

export interface StreamOptions extends DissectOptions, ReassemblyOptions {}

/**
 * Reads the TCP connections of a capture: see `StreamEvent`. What is not TCP over IP is passed over, and counted.
 *
 * The events come in batches, one a batch of packets; memory is bounded by the options, not by the capture.
 *
 * @returns events; throws a `CaptureFault` when the capture is damaged, cut or none, after everything before the damage
 * was handed out, every conversation closed and what is unread told, and a RangeError when an option is out of its bounds.
 * @example
 * for await (const events of readStreams(captureFile('traffic.pcapng'))) {
 *   for (const event of events) if (event.type === 'chunk') console.log(event.from, event.bytes);
 * }
 */
export async function* readStreams(
  capture: Capture,
  options: StreamOptions = {},
): AsyncGenerator<readonly StreamEvent[], void, undefined> {
  const reassembly = createReassembly(options);
  let events: StreamEvent[] = [];
  const emit = (event: StreamEvent): void => {
    events.push(event);
  };
  const dissector = createDissector(options, emit);
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
    for await (const packets of readPackets(capture)) {
      for (const packet of packets) {
        const it = dissector.dissect(packet);
        // A fragment is only lost when the others never come, which is told at the end.
        if (!('skipped' in it)) reassembly.take(it, emit);
        else if (it.skipped !== 'fragment') skip(it);
      }
      if (events.length > 0) {
        const batch = events;
        events = [];
        yield batch;
      }
    }
  } catch (thrown) {
    fault = { thrown };
  }
  finish();
  if (events.length > 0) yield events;
  if (fault !== null) throw fault.thrown;
}
