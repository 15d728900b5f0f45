/** Whatever segments come, of connections that no stack would make: events keep the order that `StreamEvent` promises. */
import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { otherSide } from '../../../src/capture/other-side.ts';
import { createEventOrder } from '../../../src/capture/reassembly/event-order.ts';
import { createReassembly, type ReassemblyOptions } from '../../../src/capture/reassembly/reassembly.ts';
import { TCP_FIN, TCP_RST, TCP_SYN } from '../../../src/capture/segment.ts';
import type { ConversationEvent, Side, StreamEvent } from '../../../src/capture/stream-event.ts';
import { conversation, reassembled, type Script, type Sent } from '../../support/captures/segments.ts';
import { cases } from '../../support/random/cases.ts';

/** Mostly what comes next, so that RSTs and FINs are heeded, outlived, and followed by more. */
const step = fc.record({
  who: fc.nat({ max: 1 }),
  from: fc.constantFrom<Side>('client', 'server'),
  flags: fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.constantFrom(TCP_FIN, TCP_RST) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(TCP_SYN, TCP_SYN | TCP_RST, TCP_RST | TCP_FIN, TCP_SYN | TCP_FIN),
    },
  ),
  data: fc.constantFrom('', '', 'a', 'bcd', 'efghij'),
  ahead: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.integer({ min: -6, max: 6 }) },
    { weight: 1, arbitrary: fc.integer({ min: -(2 ** 31), max: 2 ** 31 }) },
  ),
  seen: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.integer({ min: -6, max: 6 }) },
    { weight: 1, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.integer({ min: -(2 ** 31), max: 2 ** 31 }) },
  ),
  snapped: fc.constantFrom(0, 0, 0, 0, 2),
  wait: fc.constantFrom(0, 0, 0, 0, 0, 0, 31_000, 61_000),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const limits = fc.constantFrom<ReassemblyOptions>(
  {},
  {},
  { maxConversations: 1 },
  { maxHeldTotal: 0 },
  { maxHeldTotal: 600 },
  { maxHeldSegments: 1 },
  { maxHeldBytes: 3 },
);

/** Two connections that send it; the second has the addresses of the first, or its own. */
function sent(steps: readonly Step[], opened: boolean, shared: boolean) {
  const scripts = [conversation(), conversation(shared ? { clientIsn: 7, serverIsn: 9 } : { clientPort: 9 })];
  const next = scripts.map(() => ({ client: 0, server: 0 }));
  if (opened) scripts[0]!.handshake();
  const segments = [...scripts[0]!.segments];
  let time = 1_700_000_001_000_000_000n;
  for (const { who, from, flags, data, ahead, seen, snapped, wait } of steps) {
    const script: Script = scripts[who]!;
    const at = next[who]!;
    time += BigInt(wait) * 1_000_000n + 1_000n;
    const position = flags & TCP_SYN ? 0 : at[from] + ahead;
    const length = data.length + (data === '' ? 0 : snapped);
    const other = at[otherSide[from]];
    const what: Sent = { position, data, length, flags, ack: seen === null ? null : other + seen, time };
    script.send(from, what);
    if (ahead === 0 && (flags & (TCP_SYN | TCP_RST)) === 0) at[from] += length + (flags & TCP_FIN ? 1 : 0);
    const segment = script.segments.at(-1)!;
    segments.push({ ...segment, packet: { ...segment.packet, number: segments.length + 1 } });
  }
  return segments;
}

/** Throws unless the events of one conversation come as they may. */
function expectGrammar(events: readonly ConversationEvent[]): void {
  const [first, ...rest] = events;
  expect(first?.type).toBe('open');
  const at = { client: 0, server: 0 };
  const bytes = { client: 0, server: 0 };
  const ended = { client: false, server: false };
  let isReset = false;
  let closed = false;
  let late = 0;
  for (const event of rest) {
    if (event.type === 'after-reset') {
      expect(isReset && event.packets > 0).toBe(true);
      if (closed) late++;
      continue;
    }
    expect(closed, `${event.type} after close`).toBe(false);
    if (event.type === 'close') {
      closed = true;
      const both = ended.client && ended.server;
      expect([event.reason === 'reset', event.reason === 'ended']).toEqual([isReset, both && !isReset]);
      for (const side of ['client', 'server'] as const) {
        expect(event.totals[side]).toMatchObject({ bytes: bytes[side], missing: at[side] - bytes[side] });
      }
    } else if (event.type === 'chunk' || event.type === 'gap' || event.type === 'end') {
      expect(ended[event.from] || isReset, `${event.type} behind the end`).toBe(false);
      expect(event.position).toBe(at[event.from]);
      if (event.type === 'end') ended[event.from] = true;
      else at[event.from] += event.type === 'gap' ? event.length : event.bytes.length;
      if (event.type === 'chunk') bytes[event.from] += event.bytes.length;
    } else if (event.type === 'reset') {
      expect([isReset, event.position]).toEqual([false, at[event.from]]);
      isReset = true;
    }
  }
  expect(closed).toBe(true);
  expect(late).toBeLessThan(2);
}

function byConversation(events: readonly StreamEvent[]): ConversationEvent[][] {
  const all: ConversationEvent[][] = [];
  for (const event of events) {
    if (!('conversation' in event)) continue;
    const { index } = event.conversation;
    all[index] = [...(all[index] ?? []), event];
  }
  return all;
}

const runs = fc.record({
  steps: fc.array(step, { maxLength: 40, size: 'max' }),
  opened: fc.boolean(),
  shared: fc.boolean(),
  options: limits,
});

test.prop([runs], { numRuns: cases(700) })(
  'each conversation opens, has positions without a hole, and has nothing behind its close',
  ({ steps, opened, shared, options }) => {
    for (const events of byConversation(reassembled(sent(steps, opened, shared), options))) {
      expectGrammar(events);
    }
  },
);

test.prop([runs], { numRuns: cases(150) })(
  'each conversation has the same events, whether its reset waits for others or they wait for it',
  ({ steps, opened, shared, options }) => {
    const segments = sent(steps, opened, shared);
    const order = createEventOrder();
    const reassembly = createReassembly(options, order);
    const events: StreamEvent[] = [];
    for (const segment of segments) {
      reassembly.take(segment, order.emit);
      events.push(...order.take());
    }
    reassembly.end(order.emit);
    events.push(...order.take());
    expect(byConversation(events)).toEqual(byConversation(reassembled(segments, options)));
  },
);

test.prop([runs], { numRuns: cases(300) })(
  'each conversation has the same events, whether it is put to sleep behind each packet or never',
  ({ steps, opened, shared, options }) => {
    const segments = sent(steps, opened, shared);
    const [sleeping, awake] = [0, 1000].map((awakeMax) => {
      const events: StreamEvent[] = [];
      const reassembly = createReassembly(options, undefined, undefined, awakeMax);
      for (const segment of segments) reassembly.take(segment, (event) => events.push(event));
      reassembly.end((event) => events.push(event));
      return events;
    });
    expect(sleeping).toEqual(awake);
  },
);
