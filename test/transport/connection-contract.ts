/** What every connection keeps, whatever it is made of. Run it on a new kind with a three-line call. */
import { fc, test as property } from '@fast-check/vitest';
import { afterEach, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/transport/connection.ts';
import { cases } from '../support/cases.ts';
import { once, pattern, read, turns, write, writeUntilItFails } from './connection-helpers.ts';

/** More than any buffer between the two ends holds, so that a write of it cannot settle unread. */
const HUGE = 32 * 1024 * 1024;

/** What not every kind of connection has. */
export interface Abilities {
  /** Whether the peer of a destroyed connection sees a reset; if not, an end, and a fault of what it writes then. */
  readonly resets: boolean;
  /** Whether both ends know each other by the same names. */
  readonly names: boolean;
}

/** @param connect makes two connections that are each other's peer, with nothing read or written yet. */
export function connectionContract(
  name: string,
  connect: () => Promise<[Connection, Connection]>,
  { resets, names }: Abilities = { resets: true, names: true },
): void {
  describe(`${name} keeps the connection contract:`, () => {
    const opened: Connection[] = [];
    async function pair(): Promise<[Connection, Connection]> {
      const ends = await connect();
      opened.push(...ends);
      return ends;
    }
    afterEach(() => {
      for (const connection of opened.splice(0)) connection.destroy();
    });

    describe('bytes', () => {
      const sizes = fc.array(fc.array(fc.oneof(fc.nat(40), fc.nat(100_000)), { maxLength: 5 }), {
        maxLength: 8,
      });

      property.prop([sizes, fc.nat(5)], { numRuns: cases(40) })(
        'bytes arrive whole and in order, however they were cut and whenever the reader pauses',
        async (writes, every) => {
          const [left, right] = await pair();
          let sent = 0;
          const settling = writes.map((lengths) => {
            const chunks = lengths.map((length) => {
              sent += length;
              return pattern(length, sent - length);
            });
            return write(left, ...chunks);
          });
          left.end();
          const back = read(left);
          let seen = 0;
          const reading = read(right, () => {
            if (every === 0 || ++seen % every !== 0) return;
            right.pause();
            setImmediate(() => right.resume());
          });
          expect(await reading.done).toBeNull();
          expect(reading.bytes().equals(pattern(sent))).toBe(true);
          for (const settled of settling) expect(await settled).toBeNull();
          right.end();
          expect(await back.done).toBeNull();
          expect(await once(left.closed$)).toBeNull();
        },
      );

      test('bytes go both ways at once', async () => {
        const [left, right] = await pair();
        const [atLeft, atRight] = [read(left), read(right)];
        for (let turn = 0; turn < 50; turn++) {
          left.write([pattern(10_000, turn * 10_000)], () => {});
          right.write([pattern(5_000, turn * 5_000)], () => {});
        }
        left.end();
        right.end();
        expect(await Promise.all([atLeft.done, atRight.done])).toEqual([null, null]);
        expect(atRight.bytes().equals(pattern(500_000))).toBe(true);
        expect(atLeft.bytes().equals(pattern(250_000))).toBe(true);
      });

      test.each([
        ['by the one that was connected to', false],
        ['by the one that connected', true],
      ])('bytes are not read before the subscription, and none is missed: %s', async (_, swapped) => {
        const [first, second] = await pair();
        const [left, right] = swapped ? [second, first] : [first, second];
        let settled = false;
        const writing = write(left, pattern(HUGE)).then(() => {
          settled = true;
        });
        const back = read(left);
        expect(await write(right, pattern(1))).toBeNull();
        await back.reached(1);
        await turns(20);
        expect(settled).toBe(false);
        const reading = read(right);
        expect(reading.length()).toBe(0);
        await reading.reached(HUGE);
        await writing;
        expect(reading.bytes().equals(pattern(HUGE))).toBe(true);
      });

      test('bytes stay as they were emitted', async () => {
        const [left, right] = await pair();
        const reading = read(right);
        const chunk = pattern(1_000);
        expect(await write(left, chunk)).toBeNull();
        chunk.fill(0);
        await reading.reached(1_000);
        await write(left, chunk);
        await reading.reached(2_000);
        expect(reading.bytes().subarray(0, 1_000).equals(pattern(1_000))).toBe(true);
      });
    });

    describe('flow control', () => {
      test('pause stops after at most one further chunk, and resume loses nothing', async () => {
        const [left, right] = await pair();
        const reading = read(right, () => {
          if (reading.chunks.length === 3) right.pause();
        });
        for (let turn = 0; turn < 64; turn++) left.write([pattern(16_384, turn * 16_384)], () => {});
        left.end();
        await reading.reached(1);
        await turns(50);
        expect(reading.chunks.length).toBeLessThanOrEqual(4);
        right.pause();
        right.resume();
        expect(await reading.done).toBeNull();
        expect(reading.bytes().equals(pattern(1_048_576))).toBe(true);
      });

      test('a connection paused before the subscription emits nothing until it is resumed', async () => {
        const [left, right] = await pair();
        right.pause();
        const reading = read(right);
        await write(left, pattern(10));
        await turns(20);
        expect(reading.length()).toBe(0);
        right.resume();
        await reading.reached(10);
      });

      test('what a writer gets settled while the reader pauses is bounded', async () => {
        const [left, right] = await pair();
        const reading = read(right, () => right.pause());
        let settled = 0;
        let stopped = false;
        const writing = (async () => {
          while (!stopped && settled < HUGE && (await write(left, pattern(65_536))) === null)
            settled += 65_536;
        })();
        await reading.reached(1);
        // Until a good many turns brought nothing new: the window is full.
        for (let before = -1; before !== settled; ) {
          before = settled;
          await turns(50);
        }
        expect(settled).toBeLessThan(HUGE / 2);
        expect(reading.length()).toBeLessThanOrEqual(2 * 65_536);
        stopped = true;
        left.destroy();
        await writing;
      });

      test('unsubscribing stops at once; the next subscriber goes on from there', async () => {
        const [left, right] = await pair();
        left.write([pattern(300_000)], () => {});
        left.end();
        const first = read(right, () => first.stop());
        await first.reached(1);
        const upTo = first.length();
        await turns(20);
        expect(first.length()).toBe(upTo);
        const second = read(right);
        expect(await second.done).toBeNull();
        expect(Buffer.concat([first.bytes(), second.bytes()]).equals(pattern(300_000))).toBe(true);
      });

      test('chunks$ refuses a second subscriber at the same time', async () => {
        const [, right] = await pair();
        read(right);
        expect(await read(right).done).toBeInstanceOf(Error);
      });
    });

    describe('ending', () => {
      test('one side ends and still hears the other to its end', async () => {
        const [left, right] = await pair();
        const [atLeft, atRight] = [read(left), read(right)];
        left.write([pattern(10)], () => {});
        left.end();
        expect(await atRight.done).toBeNull();
        let over = false;
        once(right.closed$).then(() => (over = true));
        expect(await write(right, pattern(200_000))).toBeNull();
        await atLeft.reached(200_000);
        expect(over).toBe(false);
        right.end();
        expect(await atLeft.done).toBeNull();
        expect(await Promise.all([once(left.closed$), once(right.closed$)])).toEqual([null, null]);
        expect(atRight.length()).toBe(10);
      });

      test('ending twice, and destroying what is over, changes nothing', async () => {
        const [left, right] = await pair();
        const [atLeft, atRight] = [read(left), read(right)];
        left.end();
        left.end();
        right.end();
        expect(await Promise.all([atLeft.done, atRight.done])).toEqual([null, null]);
        await once(left.closed$);
        left.destroy();
        left.end();
        left.pause();
        left.resume();
        expect(await once(left.closed$)).toBeNull();
        expect(await read(left).done).toBeNull();
      });

      test('a write after end settles with a fault, and what went before is delivered', async () => {
        const [left, right] = await pair();
        const reading = read(right);
        const before = write(left, pattern(100));
        left.end();
        const after = await write(left, pattern(50, 100));
        expect(after?.code).toBe('failed');
        expect(await before).toBeNull();
        expect(await reading.done).toBeNull();
        expect(reading.length()).toBe(100);
      });

      test.runIf(resets)('destroy is `destroyed` here and `reset` there', async () => {
        const [left, right] = await pair();
        const [atLeft, atRight] = [read(left), read(right)];
        left.write([pattern(10)], () => {});
        await atRight.reached(10);
        left.destroy();
        left.destroy();
        const faults = await Promise.all([
          atLeft.done,
          once(left.closed$),
          atRight.done,
          once(right.closed$),
        ]);
        expect(faults.map((fault) => fault?.code)).toEqual(['destroyed', 'destroyed', 'reset', 'reset']);
        expect((await read(right).done)?.code).toBe('reset');
      });

      test.runIf(!resets)('destroy is `destroyed` here; there an end, and a reset to a write', async () => {
        const [left, right] = await pair();
        const [atLeft, atRight] = [read(left), read(right)];
        left.write([pattern(10)], () => {});
        await atRight.reached(10);
        left.destroy();
        left.destroy();
        expect((await atLeft.done)?.code).toBe('destroyed');
        expect((await once(left.closed$))?.code).toBe('destroyed');
        expect(await atRight.done).toBeNull();
        expect((await writeUntilItFails(right)).code).toBe('reset');
        expect((await once(right.closed$))?.code).toBe('unread');
        expect(await read(right).done).toBeNull();
      });

      test('nothing is emitted after destroy', async () => {
        const [left, right] = await pair();
        left.write([pattern(500_000)], () => {});
        const reading = read(right, () => right.destroy());
        expect((await reading.done)?.code).toBe('destroyed');
        expect(reading.chunks).toHaveLength(1);
      });

      test('nothing that was waiting is emitted after destroy', async () => {
        const [left, right] = await pair();
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
        expect((await reading.done)?.code).toBe('destroyed');
        expect(reading.chunks).toHaveLength(2);
      });

      test('destroy does not wait for a reader that pauses', async () => {
        const [left, right] = await pair();
        right.pause();
        const reading = read(right);
        await write(left, pattern(10_000));
        await turns(3);
        right.destroy();
        expect((await reading.done)?.code).toBe('destroyed');
        expect((await once(right.closed$))?.code).toBe('destroyed');
        expect(reading.length()).toBe(0);
      });

      test('destroy after an end in good order does not take back what was sent', async () => {
        const [left, right] = await pair();
        expect(await write(left, pattern(20_000))).toBeNull();
        left.end();
        await turns(5);
        left.destroy();
        const reading = read(right);
        expect(await reading.done).toBeNull();
        expect(reading.length()).toBe(20_000);
      });

      test('what arrived before a reset is delivered before the fault', async () => {
        const [left, right] = await pair();
        for (let turn = 0; turn < 10; turn++) await write(left, pattern(3_000, turn * 3_000));
        left.destroy();
        const reading = read(right);
        const fault = await reading.done;
        expect(reading.bytes().equals(pattern(30_000))).toBe(true);
        // A system may report the end of the data first, and the reset only to the next write.
        expect((fault ?? (await writeUntilItFails(right))).code).toBe('reset');
      });

      test('a failed write leaves what arrived to be read, and a reset stays a reset', async () => {
        const [left, right] = await pair();
        right.pause();
        const reading = read(right);
        await write(left, pattern(40_000));
        left.destroy();
        expect((await writeUntilItFails(right)).code).toBe('reset');
        right.resume();
        expect((await reading.done)?.code).toBe(resets ? 'reset' : undefined);
        expect(reading.bytes().equals(pattern(40_000))).toBe(true);
        expect((await once(right.closed$))?.code).toBe(resets ? 'reset' : 'unread');
      });
    });

    describe('a write settles exactly once, and never within the call:', () => {
      /** Writes of all sizes, most of which cannot settle, and the count of times each did. */
      function writeMany(connection: Connection) {
        const counts: number[] = [];
        const codes = new Set<string | undefined>();
        let calling = true;
        for (const [at, size] of [10, 1_000_000, 0, 10, HUGE, 10, 100_000, 1].entries()) {
          counts.push(0);
          connection.write([pattern(size), pattern(1)], (fault) => {
            expect(calling).toBe(false);
            counts[at] = (counts[at] ?? 0) + 1;
            codes.add(fault?.code);
          });
        }
        calling = false;
        return { counts, codes, exactlyOnce: Array(8).fill(1) };
      }

      test('a write settles exactly once, and never within the call when all goes well', async () => {
        const [left, right] = await pair();
        const { counts, codes, exactlyOnce } = writeMany(left);
        left.end();
        await read(right).done;
        right.end();
        await read(left).done;
        await once(left.closed$);
        expect(counts).toEqual(exactlyOnce);
        expect([...codes]).toEqual([undefined]);
      });

      test('a write settles exactly once, and never within the call when destroyed here, at once', async () => {
        const [left] = await pair();
        const { counts, codes, exactlyOnce } = writeMany(left);
        left.destroy();
        await once(left.closed$);
        await turns(5);
        expect(counts).toEqual(exactlyOnce);
        expect(codes).toContain('destroyed');
      });

      test('a write settles exactly once, and never within the call when destroyed here, in the middle', async () => {
        const [left, right] = await pair();
        const { counts, exactlyOnce } = writeMany(left);
        const reading = read(right, () => reading.length() > 2_000_000 && left.destroy());
        await once(left.closed$);
        await turns(5);
        expect(counts).toEqual(exactlyOnce);
      });

      test('a write settles exactly once, and never within the call when the peer destroys', async () => {
        const [left, right] = await pair();
        const { counts, codes, exactlyOnce } = writeMany(left);
        const reading = read(left);
        await turns(3);
        right.destroy();
        expect((await reading.done)?.code).toBe('reset');
        expect((await once(left.closed$))?.code).toBe('reset');
        await turns(5);
        expect(counts).toEqual(exactlyOnce);
        expect(codes).toContain('reset');
      });

      test('a write settles exactly once, and never within the call when the connection is long over', async () => {
        const [left, right] = await pair();
        left.destroy();
        read(right);
        if (!resets) await writeUntilItFails(right);
        await Promise.all([once(left.closed$), once(right.closed$)]);
        expect((await write(left, pattern(1)))?.code).toBe('destroyed');
        expect((await write(right, pattern(1)))?.code).toBe('reset');
        expect(writeMany(left).counts).toEqual(Array(8).fill(0));
      });

      test('a write settles exactly once, and never within the call with nothing to write', async () => {
        const [left] = await pair();
        expect(await write(left)).toBeNull();
        expect(await write(left, new Uint8Array(0))).toBeNull();
      });

      test('a write settles exactly once, and never within the call in the order they were made', async () => {
        const [left, right] = await pair();
        const order: number[] = [];
        for (let turn = 0; turn < 100; turn++) left.write([pattern(20_000)], () => order.push(turn));
        await read(right).reached(2_000_000);
        await turns(3);
        expect(order).toEqual([...Array(100).keys()]);
      });
    });

    test('ids differ, and each side is the other`s remote', async () => {
      const [left, right] = await pair();
      expect(left.id).not.toBe(right.id);
      if (names) expect([left.remote, right.remote]).toEqual([right.local, left.local]);
    });
  });
}
