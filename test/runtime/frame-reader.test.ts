/** What one connection takes up at once, and what that costs. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { requestFraming } from '../../src/files/session/dispatch.ts';
import { createBudget } from '../../src/runtime/credit.ts';
import {
  createFrameReader,
  type FrameReaderDeps,
  PARTIAL_HEAD_COST_MAX,
  SHORT_PIECE_COST_MAX,
} from '../../src/runtime/frame-reader.ts';
import { createSlots } from '../../src/runtime/slots.ts';
import { frame, putFrame } from '../support/network/peer.ts';

const KIB = 1024;
const marks = { high: 1000 * KIB, low: 500 * KIB };

/** A reader of requests, of which a test says what matters to it. */
const createReader = (deps: Pick<FrameReaderDeps, 'window'> & Partial<FrameReaderDeps>) =>
  createFrameReader({
    framing: requestFraming(),
    headSlots: createSlots({ shared: 1, perHolder: 0 }).join(),
    trimHeader: (header) => header,
    emit: () => {},
    recycle: () => {},
    pinsMemory: () => true,
    onPiece: () => {},
    setWaiting: () => {},
    setHasRoom: () => {},
    onInternalError: () => expect.unreachable(),
    ...deps,
  });

/** Takes up all of it, while others hold so much of the budget; the most that one step cost, and how many there were. */
function costliestStep(bytes: Uint8Array, othersHold: number) {
  const budget = createBudget(marks);
  budget.window(marks, () => {}).charge(othersHold);
  const window = budget.window(marks, () => {});
  const reader = createReader({ window });
  reader.chunk(bytes);
  let [most, steps] = [0, 0];
  while (reader.hasMore(true)) {
    const before = window.unsettled();
    reader.step();
    most = Math.max(most, window.unsettled() - before);
    steps++;
  }
  reader.stop();
  return { most, steps };
}

/** The pieces of a body that are handed on, and whether each lies where it was received. */
function received(bytes: Uint8Array, pinsMemory: boolean) {
  const pieces: boolean[] = [];
  let back = 0;
  const reader = createReader({
    window: createBudget(marks).window(marks, () => {}),
    emit: (event) => {
      if (event.type === 'data') pieces.push(event.bytes.buffer === bytes.buffer);
    },
    recycle: (_, count) => {
      back += count;
    },
    pinsMemory: () => pinsMemory,
  });
  reader.chunk(bytes);
  while (reader.hasMore(true)) reader.step();
  reader.stop();
  return { pieces, back };
}

describe('a few bytes of a body', () => {
  // A slab holds far more than the frame.
  const frame = putFrame('a', new Uint8Array(1000));
  const slab = new Uint8Array(64 * KIB);
  slab.set(frame);
  const chunk = slab.subarray(0, frame.length);

  test('a few bytes of a body are handed on where they were received while no other memory is held by few', () => {
    expect(received(chunk, false)).toEqual({ pieces: [true], back: frame.length - 1000 });
  });

  test('a few bytes of a body are copied, and what they lay in given back whole, while other memory is held by few', () => {
    expect(received(chunk, true)).toEqual({ pieces: [false], back: frame.length });
  });

  test('a few bytes of a body that came with their header are one event, however they lie in what came', () => {
    const body = new Uint8Array(10 * KIB);
    const three = Buffer.concat([putFrame('a', body), frame, putFrame('b', body)]);
    expect(received(three, false)).toEqual({
      pieces: [true, true, true],
      back: three.length - 2 * body.length - 1000,
    });
  });
});

const shortest = (count: number) => Buffer.concat(Array.from({ length: count }, () => frame({})));

describe('a piece', () => {
  test('a piece costs little while others hold the budget, whatever it is full of', () => {
    const bytes = Buffer.concat([putFrame('a', new Uint8Array(300_000)), shortest(5_000)]);
    expect(costliestStep(bytes, marks.high).most).toBeLessThanOrEqual(SHORT_PIECE_COST_MAX);
    expect(costliestStep(bytes, 0).most).toBeGreaterThan(2 * SHORT_PIECE_COST_MAX);
  });

  test('a piece of a body is long while there is room for what it costs', () => {
    const body = putFrame('a', new Uint8Array(500_000));
    expect(costliestStep(body, 0).steps).toBeLessThan(costliestStep(body, marks.high).steps / 3);
  });

  const some = fc.array(
    fc.oneof(
      fc.nat({ max: 100 }).map(shortest),
      fc.nat({ max: 100_000 }).map((size) => putFrame('a', new Uint8Array(size))),
      fc.nat({ max: 30 }).map((size) => frame({ cmd: 'ping', id: 'i'.repeat(size) })),
    ),
    { maxLength: 8 },
  );
  property.prop([some])('a piece costs no more than was added up, while others hold the budget', (frames) => {
    const { most } = costliestStep(Buffer.concat(frames), marks.high);
    expect(most).toBeLessThanOrEqual(SHORT_PIECE_COST_MAX + PARTIAL_HEAD_COST_MAX);
  });
});
