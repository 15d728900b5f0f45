/** The contract of `chunks$` and `write` about bytes: none is lost, none is moved. */
import assert from 'node:assert/strict';
import { type ConnectionCases, HUGE_BYTES, once, type Pair, pattern, read, turns, write } from './case.ts';

/** Writes of random sizes, which the reader pauses now and then. */
export async function checkRandomWrites([left, right]: Pair, random: () => number): Promise<void> {
  const below = (end: number) => Math.floor(random() * end);
  const pauseEvery = below(6);
  let sent = 0;
  const settling = Array.from({ length: below(9) }, () => {
    const chunks = Array.from({ length: below(6) }, () => {
      const length = below(random() < 0.5 ? 41 : 100_001);
      sent += length;
      return pattern(length, sent - length);
    });
    return write(left, ...chunks);
  });
  left.end();
  const back = read(left);
  let seen = 0;
  const reading = read(right, () => {
    if (pauseEvery === 0 || ++seen % pauseEvery !== 0) return;
    right.pause();
    setImmediate(() => right.resume());
  });
  assert.equal(await reading.done, null);
  assert.equal(reading.bytes().equals(pattern(sent)), true);
  for (const settled of settling) assert.equal(await settled, null);
  right.end();
  assert.equal(await back.done, null);
  assert.equal(await once(left.closed$), null);
}

export const byteCases: ConnectionCases = {
  'bytes go both ways at once': async ([left, right]) => {
    const [atLeft, atRight] = [read(left), read(right)];
    for (let turn = 0; turn < 50; turn++) {
      left.write([pattern(10_000, turn * 10_000)], () => {});
      right.write([pattern(5_000, turn * 5_000)], () => {});
    }
    left.end();
    right.end();
    assert.deepEqual(await Promise.all([atLeft.done, atRight.done]), [null, null]);
    assert.equal(atRight.bytes().equals(pattern(500_000)), true);
    assert.equal(atLeft.bytes().equals(pattern(250_000)), true);
  },

  'bytes are not read before the subscription, and none is missed: by the one that was connected to': (
    pair,
  ) => unread(pair),

  'bytes are not read before the subscription, and none is missed: by the one that connected': ([
    left,
    right,
  ]) => unread([right, left]),

  'bytes stay as they were emitted': async ([left, right]) => {
    const reading = read(right);
    const chunk = pattern(1_000);
    assert.equal(await write(left, chunk), null);
    chunk.fill(0);
    await reading.reached(1_000);
    await write(left, chunk);
    await reading.reached(2_000);
    assert.equal(reading.bytes().subarray(0, 1_000).equals(pattern(1_000)), true);
  },
};

/** Checks that bytes wait for a subscriber, and are all there when it comes. */
async function unread([left, right]: Pair): Promise<void> {
  let settled = false;
  const writing = write(left, pattern(HUGE_BYTES)).then(() => {
    settled = true;
  });
  const back = read(left);
  assert.equal(await write(right, pattern(1)), null);
  await back.reached(1);
  await turns(20);
  assert.equal(settled, false);
  const reading = read(right);
  assert.equal(reading.length(), 0);
  await reading.reached(HUGE_BYTES);
  await writing;
  assert.equal(reading.bytes().equals(pattern(HUGE_BYTES)), true);
}
