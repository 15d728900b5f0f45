/** The contract of how writes settle. */
import assert from 'node:assert/strict';
import type { Connection } from '../connection.ts';
import {
  type ConnectionCases,
  HUGE_BYTES,
  once,
  pattern,
  read,
  turns,
  write,
  writeUntilItFails,
} from './case.ts';

/** Writes of all sizes, most of which cannot settle, and the count of times each did. */
function writeMany(connection: Connection) {
  const counts: number[] = [];
  const codes = new Set<string | undefined>();
  let calling = true;
  for (const [at, size] of [10, 1_000_000, 0, 10, HUGE_BYTES, 10, 100_000, 1].entries()) {
    counts.push(0);
    connection.write([pattern(size), pattern(1)], (fault) => {
      // A settling within the call is no settling.
      if (!calling) counts[at] = (counts[at] ?? 0) + 1;
      codes.add(fault?.code);
    });
  }
  calling = false;
  return { counts, codes, exactlyOnce: Array(8).fill(1) };
}

export const writeCases: ConnectionCases = {
  'a write settles exactly once, and never within the call when all goes well': async ([left, right]) => {
    const { counts, codes, exactlyOnce } = writeMany(left);
    left.end();
    await read(right).done;
    right.end();
    await read(left).done;
    await once(left.closed$);
    assert.deepEqual(counts, exactlyOnce);
    assert.deepEqual([...codes], [undefined]);
  },

  'a write settles exactly once, and never within the call when destroyed here, at once': async ([left]) => {
    const { counts, codes, exactlyOnce } = writeMany(left);
    left.destroy();
    await once(left.closed$);
    await turns(5);
    assert.deepEqual(counts, exactlyOnce);
    assert.ok(codes.has('destroyed'));
  },

  'a write settles exactly once, and never within the call when destroyed here, in the middle': async ([
    left,
    right,
  ]) => {
    const { counts, exactlyOnce } = writeMany(left);
    const reading = read(right, () => reading.length() > 2_000_000 && left.destroy());
    await once(left.closed$);
    await turns(5);
    assert.deepEqual(counts, exactlyOnce);
  },

  'a write settles exactly once, and never within the call when the peer destroys': async ([left, right]) => {
    const { counts, codes, exactlyOnce } = writeMany(left);
    const reading = read(left);
    await turns(3);
    right.destroy();
    assert.equal((await reading.done)?.code, 'reset');
    assert.equal((await once(left.closed$))?.code, 'reset');
    await turns(5);
    assert.deepEqual(counts, exactlyOnce);
    assert.ok(codes.has('reset'));
  },

  'a write settles exactly once, and never within the call when the connection is long over': async (
    [left, right],
    { resets },
  ) => {
    left.destroy();
    read(right);
    if (!resets) await writeUntilItFails(right);
    await Promise.all([once(left.closed$), once(right.closed$)]);
    assert.equal((await write(left, pattern(1)))?.code, 'destroyed');
    assert.equal((await write(right, pattern(1)))?.code, 'reset');
    assert.deepEqual(writeMany(left).counts, Array(8).fill(0));
  },

  'a write settles exactly once, and never within the call with nothing to write': async ([left]) => {
    assert.equal(await write(left), null);
    assert.equal(await write(left, new Uint8Array(0)), null);
  },

  'a write settles exactly once, and never within the call in the order they were made': async ([
    left,
    right,
  ]) => {
    const order: number[] = [];
    for (let turn = 0; turn < 100; turn++) left.write([pattern(20_000)], () => order.push(turn));
    await read(right).reached(2_000_000);
    await turns(3);
    assert.deepEqual(order, [...Array(100).keys()]);
  },
};
