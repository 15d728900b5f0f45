import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { createBudget } from '../../../src/actor/bounds/credit.ts';
import { type Sent, sendFile } from '../../../src/files/effects/send-task.ts';
import type { Source } from '../../../src/store/contract.ts';
import type { ConnectionFault } from '../../../src/transport/connection.ts';

const SIZE = 1_200_000;

/** A file that is being sent; nothing of it settles and no turn comes before the test says so. */
function sending(size = SIZE) {
  const turns: (() => void)[] = [];
  const writes: ((fault?: ConnectionFault) => void)[] = [];
  const budget = createBudget({ high: 1e9, low: 1e9 });
  const told: Sent[] = [];
  /** The memory that each read was given. */
  const given: (Uint8Array | undefined)[] = [];
  const source: Source = {
    name: 'a',
    size,
    mtime: 0,
    read: (_, length, memory) => {
      given.push(memory);
      return { ok: true, value: new Uint8Array(length) };
    },
    close: () => {},
  };
  sendFile(
    {
      flow: Object.assign(
        budget.window({ high: 1e9, low: 1e9 }, () => {}),
        {
          inTurn: (work: () => void) => turns.push(work),
          write: (_: Uint8Array, settled: (typeof writes)[number]) => writes.push(settled),
        },
      ),
      onInternalError: () => expect.unreachable(),
    },
    source,
    { offset: 0, length: size, bytes: 0, isReading: false },
    (sent) => told.push(sent),
  );
  return {
    budget,
    told,
    given,
    /** All that waits for a turn has one. */
    turn: () => {
      while (turns.length > 0) turns.shift()!();
    },
    settle: (fault?: ConnectionFault) => {
      for (const settled of writes.splice(0)) settled(fault);
    },
    inFlight: () => writes.length,
  };
}

test('a file that was sent is reported once, though its last pieces settle before there is a turn', () => {
  const it = sending();
  for (let turn = 0; turn < 4; turn++) {
    it.turn();
    expect(it.inFlight()).toBeLessThanOrEqual(2);
    it.settle();
  }
  it.turn();
  expect(it.told).toEqual([{ bytes: SIZE, failed: null, error: null }]);
  expect(it.budget.unsettled()).toBe(0);
});

test('a file that cannot be sent is reported once, though two pieces fail before there is a turn', () => {
  const it = sending();
  it.turn();
  expect(it.inFlight()).toBe(2);
  it.settle({ code: 'reset', message: 'gone' });
  it.turn();
  expect(it.told).toEqual([{ bytes: 0, failed: 'write', error: null }]);
  expect(it.budget.unsettled()).toBe(0);
});

test('a piece is read into the memory of one that is sent, and never into that of one that is not', () => {
  const it = sending();
  it.turn();
  const [first, second] = it.given;
  expect(first).toBeInstanceOf(Uint8Array);
  expect(second).not.toBe(first);
  const other = sending();
  other.turn();
  expect(other.given.some((memory) => memory === first || memory === second)).toBe(false);
  it.settle();
  const next = sending();
  next.turn();
  expect(next.given.every((memory) => memory === first || memory === second)).toBe(true);
});

test('the memory of a piece whose write has failed is not used again, since the system may still read it', () => {
  const it = sending();
  it.turn();
  it.settle({ code: 'reset', message: 'gone' });
  it.turn();
  const next = sending();
  next.turn();
  expect(next.given).toHaveLength(2);
  expect(next.given.some((memory) => it.given.includes(memory))).toBe(false);
});

property.prop([fc.integer({ min: 1, max: 512 * 1024 })])(
  'a piece of any length takes memory of less than twice its length, which the next such piece has again',
  (size) => {
    const it = sending(size);
    it.turn();
    const [memory, ...others] = it.given;
    expect(others).toHaveLength(0);
    if (memory === undefined) {
      expect(size).toBeLessThan(4096);
      return;
    }
    expect(memory.length).toBeGreaterThanOrEqual(size);
    expect(memory.length).toBeLessThan(2 * size);
    it.settle();
    const next = sending(size);
    next.turn();
    expect(next.given[0] === memory).toBe(true);
    next.settle();
  },
);
