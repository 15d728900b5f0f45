/** Events in the order of the packets, though what a RST means is known later. */
import { fc, test as prop } from '@fast-check/vitest';
import { lastValueFrom, map, mergeMap, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { type Capture, captureOf } from '../../../src/capture/capture.ts';
import { readStreams, type StreamOptions } from '../../../src/capture/read-streams.ts';
import { createEventOrder } from '../../../src/capture/reassembly/event-order.ts';
import { TcpConversation } from '../../../src/capture/reassembly/tcp-conversation.ts';
import { replay } from '../../../src/capture/replay/replay.ts';
import type { StreamEvent } from '../../../src/capture/stream-event.ts';
import { conversation, opened, type Script, segmentsOf } from '../../support/captures/segments.ts';
import { pcapOfSegments } from '../../support/captures/segments-pcap.ts';

const captured = (...scripts: readonly Script[]) => captureOf(pcapOfSegments(segmentsOf(...scripts)));

async function streamed(scripts: readonly Script[], options: StreamOptions): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  const bytes = pcapOfSegments(scripts.flatMap(({ segments }) => segments));
  for await (const batch of readStreams(overwritten(bytes), options)) events.push(...batch.map(kept));
  return events;
}

/** A capture, every block of which is read into again when the next is asked for. */
const overwritten = (bytes: Uint8Array): Capture => ({
  ...captureOf(bytes),
  async *blocks() {
    for (let at = 0; at < bytes.length; at += 4096) {
      const block = bytes.slice(at, at + 4096);
      yield block;
      block.fill(0x2e);
    }
  },
});
const kept = (event: StreamEvent): StreamEvent =>
  event.type === 'chunk' ? { ...event, bytes: event.bytes.slice() } : event;
const inBrief = (events: readonly StreamEvent[]): string[] =>
  events.map((event) => {
    const index = 'conversation' in event ? event.conversation.index : '-';
    return event.type === 'chunk'
      ? `${index} ${event.from} ${Buffer.from(event.bytes).toString().replace(/\.+$/, '')}`
      : `${index} ${event.type}`;
  });

/** One is reset, then another begins and ends, then a third. */
const three = (): Script[] => [
  opened().client('one').rst('client'),
  opened({ clientPort: 2, number: 10 }).client('two').close(),
  opened({ clientPort: 3, number: 20 })
    .client(`three${'.'.repeat(5000)}`)
    .rst('server')
    .client('late'),
];

describe('resets', () => {
  test('resets come as they are decided unless asked, and then in their place', async () => {
    const first = ['0 open', '0 client one'];
    const reset = ['0 reset', '0 close'];
    const rest = ['1 open', '1 client two', '1 end', '1 end', '1 close', '2 open', '2 client three'];
    const last = ['2 reset', '2 after-reset', '2 close'];
    expect(inBrief(await streamed(three(), {}))).toEqual([...first, ...rest, ...reset, ...last]);
    expect(inBrief(await streamed(three(), { resets: 'in-place' }))).toEqual([
      ...first,
      ...reset,
      ...rest,
      ...last,
    ]);
  });
  test('resets that end nothing do not change the order of the others', async () => {
    const script = opened().client('q').rst('server');
    const other = opened({ clientPort: 2, number: 10 }).client('two');
    const rest = conversation({ number: 20 }).send('client', { position: 1, data: 'r', ack: 0 });
    rest.send('server', { position: 0, data: 'a', ack: 2 });
    expect(inBrief(await streamed([script, other, rest], { resets: 'in-place' }))).toEqual([
      '0 open',
      '0 client q',
      '1 open',
      '1 client two',
      '0 ignored',
      '0 client r',
      '0 server a',
      '0 close',
      '1 close',
    ]);
  });
  test('resets are decided about when more than 4 MiB of events wait for them', async () => {
    const many = Array.from({ length: 100 }, (_, i) =>
      opened({ clientPort: 2 + i, number: 10 * i }).client(new Uint8Array(60_000)),
    );
    const late = conversation({ number: 2000 }).send('client', { position: 3, data: 'late', ack: 0 });
    const brief = inBrief(
      await streamed([opened().client('one').rst('server'), ...many, late], { resets: 'in-place' }),
    );
    expect(brief.slice(0, 5)).toEqual(['0 open', '0 client one', '0 reset', '0 close', '1 open']);
    expect(brief.filter((it) => it.startsWith('0 after-reset'))).toHaveLength(1);
  });
  test('resets are refused when they are to come otherwise', async () => {
    const wrong = { resets: 'later' } as unknown as StreamOptions;
    await expect(streamed([opened()], wrong)).rejects.toThrow(
      "resets must be 'as-decided' or 'in-place', and is later",
    );
  });
});

describe('a replay', () => {
  test('a replay has a connection reset before the next one begins', async () => {
    const happened: string[] = [];
    await lastValueFrom(
      replay(captured(...three())).pipe(
        mergeMap(({ connection }) => {
          const { index } = connection.conversation;
          happened.push(`${index} begins`);
          connection.recorded$.subscribe({ complete: () => happened.push(`${index} is over`) });
          return new Promise<void>((resolve) => {
            const done = () => resolve();
            connection.chunks$.subscribe({ complete: done, error: done });
          });
        }),
      ),
      { defaultValue: undefined },
    );
    expect(happened).toEqual(['0 begins', '0 is over', '1 begins', '1 is over', '2 begins', '2 is over']);
  });
  test('a replay goes on with a connection that outlived a RST, to its last byte', async () => {
    const script = opened()
      .client('before')
      .rst('server')
      .client('after')
      .server('answer')
      .client('more')
      .close();
    const texts$ = replay(captured(script)).pipe(
      mergeMap(({ connection }) => connection.chunks$.pipe(toArray())),
      map((chunks) => Buffer.concat(chunks).toString()),
      toArray(),
    );
    expect(await lastValueFrom(texts$)).toEqual(['beforeaftermore']);
  });
});

/** Conversations that may have been reset begin, others have events, and resets are decided in any order. */
const steps = fc.array(
  fc.record({
    what: fc.constantFrom('reset', 'speak', 'decide', 'outlive', 'take'),
    which: fc.nat({ max: 4 }),
  }),
  { maxLength: 40 },
);
prop.prop([steps, fc.integer({ min: 256, max: 20_000 })])(
  'events come in the order of what they follow from, and none is lost or waits for what is decided',
  (plan, most) => {
    const order = createEventOrder(most);
    const event = (packet: number) => ({ type: 'skipped', why: 'cut', message: '', packet }) as const;
    /** What is to come: the packets of events, and who is not decided about. */
    const wanted: (number | TcpConversation)[] = [];
    const open: TcpConversation[] = [];
    const came: number[] = [];
    let number = 0;
    const decide = (tcp: TcpConversation, speaks: boolean) => {
      open.splice(open.indexOf(tcp), 1);
      const at = wanted.indexOf(tcp);
      if (speaks) {
        order.decide(tcp);
        order.emit(event(++number));
      }
      order.end(tcp);
      wanted.splice(at, 1, ...(speaks ? [number] : []));
    };
    const take = () => {
      const undecided = wanted.findIndex((it) => typeof it === 'object');
      const ready = wanted.splice(0, undecided === -1 ? wanted.length : undecided);
      const taken = order.take().map((it) => (it.type === 'skipped' ? it.packet : -1));
      expect(taken).toEqual(ready);
      came.push(...taken);
    };
    for (const { what, which } of plan) {
      const tcp = open[which % Math.max(1, open.length)];
      if (what === 'reset') {
        const it = new TcpConversation(0, 'abcdefghijkl', 0n);
        open.push(it);
        wanted.push(it);
        order.begin(it);
      } else if (what === 'speak') {
        order.emit(event(++number));
        wanted.push(number);
      } else if (what === 'take') take();
      else if (tcp !== undefined) decide(tcp, what === 'decide');
      for (let excess = order.excess(); excess !== null; excess = order.excess()) {
        expect(excess).toBe(open[0]);
        decide(excess, true);
      }
    }
    while (open.length > 0) decide(open[0]!, true);
    take();
    expect(came).toHaveLength(number);
  },
);
