/** A range of time leaves what happened in it, with the numbers and frames that there are without it. */
import { expect, test } from 'vitest';
import { captureOf } from '../../../src/capture/capture.ts';
import { createInspector } from '../../../src/capture/inspect/inspect.ts';
import type { InspectEvent } from '../../../src/capture/inspect/inspect-event.ts';
import { createTimeRange, type TimeBounds } from '../../../src/capture/inspect/time-range.ts';
import { readPackets } from '../../../src/capture/read-packets.ts';
import { streamsOf } from '../../../src/capture/read-streams.ts';
import { lengthField } from '../../../src/wire/length-field.ts';
import { handshake, pcapOf, segments } from '../../support/captures/tcp-pcap.ts';

/** Conversation 0 has frames at 4, 5, 6 and 7 ms; conversation 1 at 8 ms. The packets are a millisecond apart. */
const text = Buffer.from('\x02ab\x02cd\x02ef\x02gh');
const capture = captureOf(
  pcapOf(
    [
      ...[...handshake(0), ...handshake(1)],
      ...segments(0, 'client', text, [3]),
      ...segments(1, 'client', text, [12]),
    ],
    7000,
  ),
);
const ms = (count: number) => ({ nanos: BigInt(count) * 1_000_000n, since: 'first-packet' as const });

async function eventsIn(bounds: TimeBounds): Promise<InspectEvent[]> {
  const range = createTimeRange(bounds);
  const { take } = createInspector({ framing: lengthField({ width: 1, maxLength: 250 }) });
  const events: InspectEvent[] = [];
  for await (const batch of streamsOf(range.packets(readPackets(capture)), { reused: false })) {
    for (const event of batch) take(event, (it) => range.take(it, (one) => events.push(one)));
  }
  return events;
}

const framesOf = (events: readonly InspectEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'frame' ? `${event.conversation.index}/${event.number}` : []));

test('frames of the range have the numbers that they have without it, and come behind open and framing', async () => {
  const events = await eventsIn({ after: ms(6), before: ms(7) });
  expect(framesOf(events)).toEqual(['0/3', '0/4']);
  expect(events.slice(0, 2).map(({ type }) => type)).toEqual(['open', 'framing']);
  expect(events.at(-1)).toMatchObject({ type: 'close', reason: 'unfinished' });
});

test('a conversation of which nothing is in the range is not there', async () => {
  const conversations = (events: readonly InspectEvent[]) =>
    events.flatMap((event) => (event.type === 'open' ? event.conversation.index : []));
  expect(conversations(await eventsIn({ after: ms(8) }))).toEqual([1]);
  expect(conversations(await eventsIn({ before: ms(0) }))).toEqual([0]);
  expect(await eventsIn({ after: ms(50) })).toEqual([]);
});

test('a bound is a time since 1970, too, and what is at it is in the range', async () => {
  const at = (millis: number) => ({
    nanos: 1_700_000_000_000_000_000n + ms(millis).nanos,
    since: '1970' as const,
  });
  expect(framesOf(await eventsIn({ after: at(5), before: at(5) }))).toEqual(['0/2']);
});

test('behind the range the capture is not read', async () => {
  let batches = 0;
  async function* endless() {
    for (let second = 0n; ; second++) {
      batches++;
      const packet = { number: batches, time: second * 1_000_000_000n, linkType: 101, position: 0 };
      yield [{ ...packet, bytes: new Uint8Array(1), originalLength: 1 }];
    }
  }
  let packets = 0;
  for await (const batch of createTimeRange({ before: ms(5000) }).packets(endless())) packets += batch.length;
  expect(packets).toBe(6);
  expect(batches).toBeLessThan(20);
});
