/** The contract of `end`, `destroy` and of what a peer sees of them. */
import assert from 'node:assert/strict';
import { ConnectionError } from '../connection-error.ts';
import { type ConnectionCases, once, pattern, read, turns, write, writeUntilItFails } from './case.ts';

export const endCases: ConnectionCases = {
  'ending twice, and destroying what is over, changes nothing': async ([left, right]) => {
    const [atLeft, atRight] = [read(left), read(right)];
    left.end();
    left.end();
    right.end();
    assert.deepEqual(await Promise.all([atLeft.done, atRight.done]), [null, null]);
    await once(left.closed$);
    left.destroy();
    left.end();
    left.pause();
    left.resume();
    assert.equal(await once(left.closed$), null);
    assert.equal(await read(left).done, null);
  },

  'a write after end settles with a fault, and what went before is delivered': async ([left, right]) => {
    const reading = read(right);
    const before = write(left, pattern(100));
    left.end();
    const after = await write(left, pattern(50, 100));
    assert.equal(after?.code, 'failed');
    assert.equal(await before, null);
    assert.equal(await reading.done, null);
    assert.equal(reading.length(), 100);
  },

  'nothing is emitted after destroy': async ([left, right]) => {
    left.write([pattern(500_000)], () => {});
    const reading = read(right, () => right.destroy());
    assert.equal((await reading.done)?.code, 'destroyed');
    assert.equal(reading.chunks.length, 1);
  },

  'nothing that was waiting is emitted after destroy': async ([left, right]) => {
    const reading = read(right, () => {
      if (reading.length() > 1) right.destroy();
    });
    await write(left, pattern(1));
    await reading.reached(1);
    right.pause();
    for (let turn = 0; turn < 5; turn++) {
      await write(left, pattern(10));
      await turns(3);
    }
    right.resume();
    assert.equal((await reading.done)?.code, 'destroyed');
    assert.equal(reading.chunks.length, 2);
  },

  'destroy does not wait for a reader that pauses': async ([left, right]) => {
    right.pause();
    const reading = read(right);
    await write(left, pattern(10_000));
    await turns(3);
    right.destroy();
    assert.equal((await reading.done)?.code, 'destroyed');
    assert.equal((await once(right.closed$))?.code, 'destroyed');
    assert.equal(reading.length(), 0);
  },

  'destroy after an end in good order does not take back what was sent': async ([left, right]) => {
    assert.equal(await write(left, pattern(20_000)), null);
    left.end();
    await turns(5);
    left.destroy();
    const reading = read(right);
    assert.equal(await reading.done, null);
    assert.equal(reading.length(), 20_000);
  },
};

/** Where each side ends by itself. */
export const halfCloseCases: ConnectionCases = {
  'one side ends and still hears the other to its end': async ([left, right]) => {
    const [atLeft, atRight] = [read(left), read(right)];
    left.write([pattern(10)], () => {});
    left.end();
    assert.equal(await atRight.done, null);
    let over = false;
    once(right.closed$).then(() => (over = true));
    assert.equal(await write(right, pattern(200_000)), null);
    await atLeft.reached(200_000);
    assert.equal(over, false);
    right.end();
    assert.equal(await atLeft.done, null);
    assert.deepEqual(await Promise.all([once(left.closed$), once(right.closed$)]), [null, null]);
    assert.equal(atRight.length(), 10);
  },
};

/** Where the end of one side is the end of both. */
export const noHalfCloseCases: ConnectionCases = {
  'the end of one side ends both': async ([left, right]) => {
    const [atLeft, atRight] = [read(left), read(right)];
    left.write([pattern(10)], () => {});
    left.end();
    assert.deepEqual(await Promise.all([atLeft.done, atRight.done]), [null, null]);
    assert.equal((await write(right, pattern(10)))?.code, 'reset');
    assert.equal(await once(left.closed$), null);
    assert.equal(await once(right.closed$), null);
    assert.equal(atRight.length(), 10);
  },
};

export const resetCases: ConnectionCases = {
  'destroy is `destroyed` here and `reset` there': async ([left, right]) => {
    const [atLeft, atRight] = [read(left), read(right)];
    left.write([pattern(10)], () => {});
    await atRight.reached(10);
    left.destroy();
    left.destroy();
    const faults = await Promise.all([atLeft.done, once(left.closed$), atRight.done, once(right.closed$)]);
    assert.deepEqual(
      faults.map((fault) => fault?.code),
      ['destroyed', 'destroyed', 'reset', 'reset'],
    );
    for (const error of [await atLeft.done, await atRight.done, await read(right).done])
      assert.ok(error instanceof ConnectionError, 'chunks$ errors with a ConnectionError');
    assert.equal((await read(right).done)?.code, 'reset');
  },
};

export const noResetCases: ConnectionCases = {
  'destroy is `destroyed` here; there an end, and a reset to a write': async ([left, right]) => {
    const [atLeft, atRight] = [read(left), read(right)];
    left.write([pattern(10)], () => {});
    await atRight.reached(10);
    left.destroy();
    left.destroy();
    assert.equal((await atLeft.done)?.code, 'destroyed');
    assert.equal((await once(left.closed$))?.code, 'destroyed');
    assert.equal(await atRight.done, null);
    assert.equal((await writeUntilItFails(right)).code, 'reset');
    assert.equal((await once(right.closed$))?.code, 'unread');
    assert.equal(await read(right).done, null);
  },
};

/** Where what has arrived outlives a reset. */
export const keptCases: ConnectionCases = {
  'what arrived before a reset is delivered before the fault': async ([left, right]) => {
    for (let turn = 0; turn < 10; turn++) await write(left, pattern(3_000, turn * 3_000));
    left.destroy();
    const reading = read(right);
    const fault = await reading.done;
    assert.equal(reading.bytes().equals(pattern(30_000)), true);
    // A system may report the end of the data first, and the reset only to the next write.
    assert.equal((fault ?? (await writeUntilItFails(right))).code, 'reset');
  },
};

/** Where what has arrived outlives a failed write too. */
export const failedWriteCases: ConnectionCases = {
  'a failed write leaves what arrived to be read, and a reset stays a reset': async (
    [left, right],
    { resets },
  ) => {
    right.pause();
    const reading = read(right);
    await write(left, pattern(40_000));
    left.destroy();
    assert.equal((await writeUntilItFails(right)).code, 'reset');
    right.resume();
    assert.equal((await reading.done)?.code, resets ? 'reset' : undefined);
    assert.equal(reading.bytes().equals(pattern(40_000)), true);
    assert.equal((await once(right.closed$))?.code, resets ? 'reset' : 'unread');
  },
};
