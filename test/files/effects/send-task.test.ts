import { expect, test } from 'vitest';
import { createBudget } from '../../../src/actor/bounds/credit.ts';
import { type Sent, sendFile } from '../../../src/files/effects/send-task.ts';
import type { Source } from '../../../src/store/contract.ts';
import type { ConnectionFault } from '../../../src/transport/connection.ts';

const SIZE = 600_000;

/** A file that is being sent; nothing of it settles and no turn comes before the test says so. */
function sending() {
  const turns: (() => void)[] = [];
  const writes: ((fault?: ConnectionFault) => void)[] = [];
  const budget = createBudget({ high: 1e9, low: 1e9 });
  const told: Sent[] = [];
  const source: Source = {
    name: 'a',
    size: SIZE,
    mtime: 0,
    read: (_, length) => ({ ok: true, value: new Uint8Array(length) }),
    close: () => {},
  };
  sendFile(
    {
      flow: {
        ...budget.window({ high: 1e9, low: 1e9 }, () => {}),
        inTurn: (work) => turns.push(work),
        write: (_, settled) => writes.push(settled),
      },
      onInternalError: () => expect.unreachable(),
    },
    source,
    0,
    SIZE,
    (sent) => told.push(sent),
  );
  return {
    budget,
    told,
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
  expect(it.told).toEqual([{ bytes: SIZE, failed: null }]);
  expect(it.budget.unsettled()).toBe(0);
});

test('a file that cannot be sent is reported once, though two pieces fail before there is a turn', () => {
  const it = sending();
  it.turn();
  expect(it.inFlight()).toBe(2);
  it.settle({ code: 'reset', message: 'gone' });
  it.turn();
  expect(it.told).toEqual([{ bytes: 0, failed: 'write' }]);
  expect(it.budget.unsettled()).toBe(0);
});
