/** What a socket receives in one turn, joined; over a Unix socket, whose buffer takes 128 KiB at once. */
import { connect, type Socket } from 'node:net';
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SystemReads } from '../../../src/transport/socket/piece-rules.ts';
import { listenUnix } from '../../../src/transport/unix/unix.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';
import { pattern, read } from '../connection-helpers.ts';
import { listener } from '../tcp-pair.ts';

const KIB = 1024;

/** A peer, and the connection whose reader has shown that it gives all memory back. */
async function warmPair() {
  const path = `${tempFolder()}/s`;
  const { connection, stop } = await listener(listenUnix({ path }));
  const peer = connect({ path });
  const accepted = await connection();
  stop();
  onTestFinished(() => {
    peer.destroy();
    accepted.destroy();
  });
  const reader = read(accepted, (chunk) => accepted.recycle?.(chunk, chunk.length));
  peer.write(pattern(1024 * KIB));
  await reader.reached(1024 * KIB);
  return { peer, connection: accepted, reader };
}

const sent = (peer: Socket, bytes: Uint8Array) =>
  new Promise<void>((resolve) => peer.write(bytes, () => resolve()));

describe('a socket that receives into slabs', () => {
  test('what was read in one turn comes as one chunk, though nothing comes behind it', async () => {
    const { peer, connection, reader } = await warmPair();
    for (let round = 1; round <= 20; round++) {
      const before = reader.chunks.length;
      connection.pause();
      // The system has all of it now, and both reads are filled.
      await sent(peer, pattern(128 * KIB));
      connection.resume();
      await reader.reached((1024 + round * 128) * KIB);
      expect(reader.chunks.slice(before).map(({ length }) => length)).toEqual([128 * KIB]);
    }
  });

  test('what waits when the reader pauses comes when it goes on', async () => {
    const { peer, connection, reader } = await warmPair();
    const others = [await warmPair(), await warmPair()];
    const all = [others[0]!.connection, connection, others[1]!.connection];
    for (const { pause } of all) pause();
    const before = reader.length();
    await sent(peer, pattern(128 * KIB));
    for (const other of others) await sent(other.peer, pattern(1));
    // The turn reads them in an order of its own: the last of the others finds that ours has been read, or will not be.
    const paused = Promise.all(others.map((other) => other.reader.reached(1024 * KIB + 1))).then(() =>
      connection.pause(),
    );
    for (const { resume } of all) resume();
    await paused;
    await new Promise((resolve) => setImmediate(resolve));
    expect(reader.length()).toBe(before);
    connection.resume();
    await reader.reached((1024 + 128) * KIB);
    expect(
      reader
        .bytes()
        .subarray(1024 * KIB)
        .equals(pattern(128 * KIB)),
    ).toBe(true);
  });
});

describe('the sizes of reads', () => {
  const MIN = 64 * KIB;
  const MAX = 512 * KIB;

  test('a read that was filled waits for the next one, and two of them double it; one that was not begins anew', () => {
    const reads = new SystemReads();
    let filled = 0;
    const read = (count: number): boolean => {
      filled += count;
      return reads.waits(count, filled);
    };
    const sizes = [1, 2, 3, 4].map(() => {
      const { size } = reads;
      expect(read(size)).toBe(true);
      return size;
    });
    expect(sizes).toEqual([MIN, MIN, 2 * MIN, 2 * MIN]);
    expect(read(100)).toBe(false);
    expect(reads.size).toBe(MIN);
  });

  property.prop([fc.array(fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })))])(
    'a read has 64 to 512 KiB, and no more than 512 KiB wait for it, whatever comes',
    (parts) => {
      const reads = new SystemReads();
      let waiting = 0;
      for (const part of parts) {
        expect(reads.size).toBeGreaterThanOrEqual(MIN);
        expect(reads.size).toBeLessThanOrEqual(MAX);
        expect(waiting).toBeLessThan(MAX);
        const count = Math.ceil(part * reads.size);
        waiting = reads.waits(count, waiting + count) ? waiting + count : 0;
      }
    },
  );
});
