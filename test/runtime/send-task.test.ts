/** One file, being sent, with a window that lends all and writes that settle when the test says so. */
import { describe, expect, test } from 'vitest';
import { type Sent, sendTask } from '../../src/runtime/send-task.ts';
import type { ConnectionFault } from '../../src/transport/connection.ts';

const PIECE_BYTES = 256 * 1024;

/** Begins to send a file of so many bytes; what is to be done in turn waits until all of it is run. */
function sending(length: number) {
  const ends: Sent[] = [];
  const settles: ((fault?: ConnectionFault) => void)[] = [];
  const turns: (() => void)[] = [];
  let lent = 0;
  const window = {
    lend: (wanted: number) => {
      lent += wanted;
      return wanted;
    },
    repay: (bytes: number) => {
      lent -= bytes;
    },
  };
  const source = {
    name: 'a',
    size: length,
    mtime: 0,
    read: (_: number, wanted: number) => ({ ok: true as const, value: new Uint8Array(wanted) }),
    close: async () => {},
  };
  const world = {
    window,
    inTurn: (work: () => void) => void turns.push(work),
    write: (_: Uint8Array, settled: (fault?: ConnectionFault) => void) => void settles.push(settled),
    bug: () => expect.unreachable(),
  };
  sendTask(world, source, 0, length, (sent) => ends.push(sent));
  const run = () => {
    for (const work of turns.splice(0)) work();
    if (turns.length > 0) run();
  };
  run();
  return {
    ends,
    run,
    lent: () => lent,
    underWay: () => settles.length,
    /** Settles all writes at once, before anybody has a turn. */
    settleAll: (fault?: ConnectionFault) => {
      for (const settle of settles.splice(0)) settle(fault);
      run();
    },
  };
}

describe('a file that is sent', () => {
  test('has two pieces under way at the most, and ends once all of it has settled', () => {
    const it = sending(3 * PIECE_BYTES);
    expect([it.underWay(), it.lent()]).toEqual([2, 2 * PIECE_BYTES]);
    it.settleAll();
    expect([it.underWay(), it.ends]).toEqual([1, []]);
    it.settleAll();
    expect(it.ends).toEqual([{ bytes: 3 * PIECE_BYTES, failed: null }]);
    expect(it.lent()).toBe(0);
  });

  test('ends once when its last two pieces settle together', () => {
    const it = sending(2 * PIECE_BYTES);
    it.settleAll();
    expect(it.ends).toEqual([{ bytes: 2 * PIECE_BYTES, failed: null }]);
  });

  test('ends once when the connection breaks below two pieces', () => {
    const it = sending(3 * PIECE_BYTES);
    it.settleAll({ code: 'reset', message: 'the peer dropped it' });
    expect(it.ends).toEqual([{ bytes: 0, failed: 'write' }]);
    expect([it.underWay(), it.lent()]).toEqual([0, 0]);
  });
});
