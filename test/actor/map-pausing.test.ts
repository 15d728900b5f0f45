import { lastValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { mapPausing } from '../../src/actor/map-pausing.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';
import { frames } from '../../src/wire/frames.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import { concat } from '../wire/stream.ts';

const codec = lengthField({ width: 4, maxLength: 100_000 });
const TOTAL = 300;
const SIZE = 20_000;

/** Sends frames as fast as it may; answers how many were taken. */
function sender() {
  const [here, there] = memoryPair();
  let sent = 0;
  const push = () => {
    if (sent === TOTAL) return here.end();
    here.write([concat(...codec.encode(new Uint8Array(SIZE).fill(sent)))], () => {
      sent++;
      push();
    });
  };
  push();
  return { connection: there, sent: () => sent };
}

describe('mapPausing', () => {
  test.each([1, 4])(
    'what waits for a slow function is bounded, and its order kept: %i at once',
    async (concurrent) => {
      const { connection, sent } = sender();
      let [done, running, most, ahead] = [0, 0, 0, 0];
      const results = await lastValueFrom(
        connection.chunks$.pipe(
          frames(codec),
          mapPausing(
            connection,
            async (body) => {
              running++;
              most = Math.max(most, running);
              await new Promise(setImmediate);
              running--;
              ahead = Math.max(ahead, sent() - done);
              done++;
              return body[0]!;
            },
            { highBytes: 10 * SIZE, concurrent },
          ),
          toArray(),
        ),
      );
      expect(results).toEqual(Array.from({ length: TOTAL }, (_, i) => i % 256));
      expect(most).toBe(concurrent);
      // Those that may wait, those in the pair's buffer, and those of the chunk that comes after a pause.
      expect(ahead).toBeLessThan(25);
    },
  );

  test('what the function throws or rejects with is an error of the result, and the connection is read again', async () => {
    for (const fail of [
      () => Promise.reject(new Error('no')),
      () => {
        throw new Error('no');
      },
    ]) {
      const { connection } = sender();
      let paused = 0;
      const counted = {
        ...connection,
        pause: () => {
          paused++;
          connection.pause();
        },
        resume: () => {
          paused--;
          connection.resume();
        },
      };
      const result = lastValueFrom(
        counted.chunks$.pipe(frames(codec), mapPausing(counted, fail, { highBytes: 1 })),
      );
      await expect(result).rejects.toThrow('no');
      expect(paused).toBe(0);
      connection.destroy();
    }
  });
});
