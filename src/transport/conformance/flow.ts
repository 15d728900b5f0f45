/** The contract of `pause`, `resume` and unsubscribing. */
import assert from 'node:assert/strict';
import { type ConnectionCases, HUGE_BYTES, pattern, read, turns, write } from './case.ts';

export const flowCases: ConnectionCases = {
  'pause stops after at most one further chunk, and resume loses nothing': async ([left, right]) => {
    const reading = read(right, () => {
      if (reading.chunks.length === 3) right.pause();
    });
    for (let turn = 0; turn < 64; turn++) left.write([pattern(16_384, turn * 16_384)], () => {});
    left.end();
    await reading.reached(1);
    await turns(50);
    assert.ok(reading.chunks.length <= 4);
    right.pause();
    right.resume();
    assert.equal(await reading.done, null);
    assert.equal(reading.bytes().equals(pattern(1_048_576)), true);
  },

  'a connection paused before the subscription emits nothing until it is resumed': async ([left, right]) => {
    right.pause();
    const reading = read(right);
    await write(left, pattern(10));
    await turns(20);
    assert.equal(reading.length(), 0);
    right.resume();
    await reading.reached(10);
  },

  'what a writer gets settled while the reader pauses is bounded': async ([left, right]) => {
    const reading = read(right, () => right.pause());
    let settled = 0;
    let stopped = false;
    const writing = (async () => {
      while (!stopped && settled < HUGE_BYTES && (await write(left, pattern(65_536))) === null)
        settled += 65_536;
    })();
    await reading.reached(1);
    // Until a good many turns brought nothing new: the window is full.
    for (let before = -1; before !== settled; ) {
      before = settled;
      await turns(50);
    }
    assert.ok(settled < HUGE_BYTES / 2);
    assert.ok(reading.length() <= 2 * 65_536);
    stopped = true;
    left.destroy();
    await writing;
  },

  'unsubscribing stops at once; the next subscriber goes on from there': async ([left, right]) => {
    left.write([pattern(300_000)], () => {});
    left.end();
    const first = read(right, () => first.stop());
    await first.reached(1);
    const upTo = first.length();
    await turns(20);
    assert.equal(first.length(), upTo);
    const second = read(right);
    assert.equal(await second.done, null);
    assert.equal(Buffer.concat([first.bytes(), second.bytes()]).equals(pattern(300_000)), true);
  },

  'chunks$ refuses a second subscriber at the same time': async ([, right]) => {
    read(right);
    assert.ok((await read(right).done) instanceof Error);
  },
};
