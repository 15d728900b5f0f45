/** What was not read of a capture is counted by reason, in bounded memory. */
import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import type { NoSegment } from '../../src/capture/segment.ts';
import { createUnread } from '../../src/capture/unread.ts';
import { packetOf } from '../support/captures/packet-bytes.ts';

const because = (reason: string, number = 1): NoSegment => ({
  packet: packetOf(new Uint8Array(0), { number }),
  skipped: 'other',
  message: reason,
  reason,
});

test('there is no event about unread packets when everything was read', () => {
  expect(createUnread().event()).toBeNull();
});

/** Of up to 900 reasons, some often and some seldom, in turns. */
const anyReasons = fc
  .record({
    packets: fc.nat({ max: 2000 }),
    step: fc.integer({ min: 1, max: 40 }),
    kinds: fc.integer({ min: 1, max: 900 }),
  })
  .map(({ packets, step, kinds }) => Array.from({ length: packets }, (_, at) => (at * at * step) % kinds));

property.prop([anyReasons])(
  'no packet is forgotten, and no more reasons than 256 are remembered',
  (reasons) => {
    fc.pre(reasons.length > 0);
    const unread = createUnread();
    for (const [at, reason] of reasons.entries()) unread.take(because(`reason ${reason}`, at + 1));
    const event = unread.event()!;
    expect(event.packets).toBe(reasons.length);
    expect(event.reasons.length).toBeLessThanOrEqual(256);
    const counted = event.reasons.reduce((sum, { packets }) => sum + packets, 0);
    expect(counted + event.others).toBe(reasons.length);
    const all = new Map<string, number>();
    for (const reason of reasons) all.set(`reason ${reason}`, (all.get(`reason ${reason}`) ?? 0) + 1);
    const right = event.reasons.filter(({ message, packets }) =>
      event.others === 0 ? packets === all.get(message) : packets <= all.get(message)!,
    );
    expect(right).toEqual(event.reasons);
  },
);

test('a reason that many packets have is reported, however late it comes and however many others there are', () => {
  const unread = createUnread();
  for (let port = 0; port < 50_000; port++) unread.take(because(`port ${port}`, port));
  for (let at = 0; at < 1000; at++) {
    unread.take(because('a tunnel', 50_000 + at));
    unread.take(because(`port ${60_000 + at}`));
  }
  const [first] = unread.event()!.reasons;
  expect(first).toEqual({ why: 'other', message: 'a tunnel', packets: 1000, firstPacket: 50_000 });
});
