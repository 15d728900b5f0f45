/** Frames that are found again behind a gap, or from the middle of a connection on: each is one that was sent. */
import { describe, expect, test } from 'vitest';
import { createInspector } from '../../../src/capture/inspect/inspect.ts';
import type { FoundAgain, InspectEvent, InspectedFrame } from '../../../src/capture/inspect/inspect-event.ts';
import type { Side, StreamEvent } from '../../../src/capture/stream-event.ts';
import { presetNamed } from '../../../src/wire/presets.ts';
import { type MakeFrame, sentFrames } from '../../support/captures/sent-frames.ts';
import { conversationEvents } from '../../support/captures/stream-events.ts';
import { cases, testSeed } from '../../support/random/cases.ts';
import { between, bytesFrom, oneOf, randomFrom } from '../../support/random/seeded.ts';

function inspected(name: string, events: readonly StreamEvent[]): InspectEvent[] {
  const { take } = createInspector({ preset: presetNamed(name)! });
  const emitted: InspectEvent[] = [];
  for (const event of events) take(event, (it) => emitted.push(it));
  return emitted;
}

const framesIn = (events: readonly InspectEvent[]): InspectedFrame[] =>
  events.filter((event) => event.type === 'frame');
const foundIn = (events: readonly InspectEvent[]): FoundAgain[] =>
  events.filter((event) => event.type === 'found-again');

interface Span {
  readonly position: number;
  readonly end: number;
}

/** One side of a connection as it was sent, and as it was recorded. */
interface Recorded {
  readonly events: StreamEvent[];
  readonly sent: readonly Span[];
  /** Where the recording begins, in what was sent. */
  readonly begins: number;
  readonly gaps: readonly Span[];
  readonly bytes: number;
}

/** A side that sends frames in packets, of which some were not recorded, or only the beginnings. */
function recorded(random: () => number, make: MakeFrame, from: Side): Recorded {
  const frames = Array.from({ length: between(random, 20, 60) }, () => make(random, from));
  const sent: Span[] = [];
  let at = 0;
  for (const frame of frames) {
    sent.push({ position: at, end: at + frame.length });
    at += frame.length;
  }
  const bytes = Buffer.concat(frames);
  const isMidstream = random() < 0.4;
  const begins = isMidstream ? between(random, 1, bytes.length >> 2) : 0;
  const { conversation, open, send, gap, end, close } = conversationEvents();
  Object.assign(conversation, { opening: isMidstream ? 'midstream' : 'syn' });
  const events: StreamEvent[] = [open()];
  const gaps: Span[] = [];
  const packetBytes = oneOf(random, [1448, 1448, 536, 60, 9000]);
  const isAligned = random() < 0.5;
  const snap = random() < 0.15 ? between(random, 40, 200) : Number.POSITIVE_INFINITY;
  const loss = oneOf(random, [0.01, 0.05]);
  const missing = (start: number, length: number): void => {
    events.push(gap(from, length));
    gaps.push({ position: start, end: start + length });
  };
  for (let place = begins; place < bytes.length; ) {
    // A sender that waits for answers has each frame begin with a packet.
    const boundary = isAligned ? sent.find((frame) => frame.position > place)?.position : undefined;
    const to = Math.min(boundary ?? bytes.length, place + packetBytes);
    const seen = Math.min(to, place + snap);
    if (place > begins && random() < loss) missing(place, to - place);
    else {
      events.push(send(from, bytes.subarray(place, seen)));
      if (seen < to) missing(seen, to - seen);
    }
    place = to;
  }
  if (random() < 0.5) events.push(end(from), close());
  else events.push(close('unfinished'));
  return { events, sent, begins, gaps, bytes: bytes.length };
}

/** The fewest frames that must follow, whole and one behind the other, for a place to be expected among them. */
const ENOUGH = 10;

/** The runs of enough frames without a gap, behind a gap or the beginning in the middle. */
function runsOf({ sent, begins, gaps, bytes }: Recorded): Span[] {
  const starts = [...(begins > 0 ? [begins] : []), ...gaps.map(({ end }) => end)];
  return starts.flatMap((start) => {
    const end = gaps.find(({ position }) => position >= start)?.position ?? bytes;
    const within = sent.filter((frame) => frame.position >= start && frame.end <= end);
    const last = within[ENOUGH - 1];
    return last === undefined ? [] : [{ position: start, end: last.end }];
  });
}

describe.each(Object.entries(sentFrames))('of %s', (name, make) => {
  test(`every frame of ${name} that is found was sent, whatever is missing, and nearly all places are found`, () => {
    let runs = 0;
    let found = 0;
    for (let i = 0; i < cases(120); i++) {
      const seed = testSeed + i * 7919;
      const random = randomFrom(seed);
      const from = oneOf(random, ['client', 'server'] as const);
      const side = recorded(random, make, from);
      const frames = framesIn(inspected(name, side.events));
      const sent = new Set(
        side.sent.map(({ position, end }) => `${position - side.begins}+${end - position}`),
      );
      const others = frames.filter(({ position, head, length }) => !sent.has(`${position}+${head + length}`));
      expect(others, `seed ${seed}`).toEqual([]);
      for (const { position, end } of runsOf(side)) {
        runs++;
        const within = (frame: InspectedFrame) =>
          frame.position + side.begins >= position && frame.position + side.begins < end;
        if (frames.some(within)) found++;
      }
    }
    expect(found / runs).toBeGreaterThan(0.95);
  });
});

describe('a place that is found again', () => {
  const records = Array.from({ length: 8 }, (_, i) =>
    Buffer.concat([Buffer.from([23, 3, 3, 0, 100 + i]), bytesFrom(i + 1, 100 + i)]),
  );
  const bytes = Buffer.concat(records);

  test('is told with what was passed over, behind the fault of the gap, and the frames come from there on', () => {
    const { open, send, gap, end, close } = conversationEvents();
    const events = inspected('tls', [
      ...[open(), send('client', bytes.subarray(0, 50)), gap('client', 100)],
      ...[send('client', bytes.subarray(150)), end('client'), close()],
    ]);
    // The first two records have 105 and 106 bytes: the gap takes the head of the second one.
    const told = events.flatMap((event) => {
      if (event.type === 'frame') return [`frame at ${event.position}: ${event.state}`];
      if (event.type === 'fault') return [`fault ${event.code}`];
      return event.type === 'found-again' ? [`again at ${event.position}: ${event.skipped} passed over`] : [];
    });
    expect(told.slice(0, 4)).toEqual([
      'frame at 0: incomplete',
      'fault gap',
      // The third one may be what a body has in it; that it leads to the fourth shows that this one is true.
      'again at 318: 168 passed over',
      'frame at 318: whole',
    ]);
    expect(framesIn(events)).toHaveLength(6);
  });

  test('is not believed on one head alone, nor on heads that lead nowhere', () => {
    const { open, send, gap, end, close } = conversationEvents();
    const fake = Buffer.concat([bytesFrom(7, 200), Buffer.from([23, 3, 3, 0, 200]), bytesFrom(8, 900)]);
    const events = inspected('tls', [
      ...[open(), send('client', bytes.subarray(0, 50)), gap('client', 100)],
      ...[send('client', fake), end('client'), close()],
    ]);
    expect(foundIn(events)).toEqual([]);
    expect(framesIn(events)).toHaveLength(1);
  });

  test.each([
    [
      'bgp',
      (body: Uint8Array) => [
        Buffer.alloc(16, 0xff),
        [(19 + body.length) >> 8, (19 + body.length) & 255, 2],
        body,
      ],
    ],
    ['tls', (body: Uint8Array) => [[23, 3, 3, body.length >> 8, body.length & 255], body]],
    [
      'smb',
      (body: Uint8Array) => [
        [0, 0, (64 + body.length) >> 8, (64 + body.length) & 255, 0xfe, 0x53, 0x4d, 0x42, 64],
        Buffer.alloc(59),
        body,
      ],
    ],
  ])('is never a frame of %s in the body of another, though it leads to a true one', (name, parts) => {
    const frame = (body: Uint8Array) => Buffer.concat(parts(body).map((part) => Uint8Array.from(part)));
    const inner = frame(bytesFrom(3, 150));
    const carrier = frame(Buffer.concat([bytesFrom(4, 400), inner]));
    const { open, send, gap, end, close } = conversationEvents();
    const others = Array.from({ length: 6 }, (_, i) => frame(bytesFrom(i + 9, 120 + i)));
    const events = inspected(name, [
      ...[open(), gap('client', 300), send('client', Buffer.concat([carrier.subarray(300), ...others]))],
      ...[end('client'), close()],
    ]);
    const lengths = framesIn(events).map(({ head, length }) => head + length);
    expect(lengths).toEqual(others.slice(-lengths.length).map((other) => other.length));
    expect(lengths.length).toBeGreaterThan(3);
  });

  test('is looked for from the middle of a connection on, and a fault says when there is none', () => {
    const middle = conversationEvents();
    Object.assign(middle.conversation, { opening: 'midstream' });
    const whole = [
      middle.open(),
      middle.send('server', bytes.subarray(40)),
      middle.end('server'),
      middle.close(),
    ];
    expect(foundIn(inspected('tls', whole))).toMatchObject([
      { reason: 'midstream', position: 171, skipped: 171 },
    ]);
    const other = conversationEvents();
    Object.assign(other.conversation, { opening: 'midstream' });
    const none = [other.open(), other.send('server', bytesFrom(9, 5000)), other.end('server'), other.close()];
    expect(inspected('tls', none).filter((event) => event.type === 'fault')).toMatchObject([
      { code: 'midstream' },
    ]);
  });
});
