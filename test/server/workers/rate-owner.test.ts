/** In virtual time: how fast the connections of several processes go together, and how fairly. */
import { fc, test as property } from '@fast-check/vitest';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { createLeasedRateLimiter } from '../../../src/actor/bounds/leased-rate.ts';
import type { Share } from '../../../src/actor/bounds/rate-limit.ts';
import { createRateOwner } from '../../../src/server/workers/rate-owner.ts';

/**
 * Connections of several processes that take a piece whenever they may, for so many milliseconds; answers what each has
 * taken. Messages between the processes take a millisecond.
 *
 * @param pieces of each process, those of its connections.
 * @param gone the process that dies in the middle of the time.
 */
function run(
  perSecond: number,
  pieces: readonly (readonly number[])[],
  ms: number,
  gone?: number,
): number[][] {
  const scheduler = new TestScheduler(() => {});
  const taken = pieces.map((each) => each.map(() => 0));
  scheduler.maxFrames = ms + 1;
  scheduler.run(() => {
    const owner = createRateOwner(perSecond, pieces.length, scheduler);
    const members: Share[] = [];
    const dead = new Set<number>();
    pieces.forEach((ofProcess, process) => {
      const limiter = createLeasedRateLimiter((demand, give) => {
        const answer = (amount: number) => scheduler.schedule(() => give(amount), 1);
        scheduler.schedule(() => {
          if (!dead.has(process)) owner.lease(process, demand, answer);
        }, 1);
      });
      ofProcess.forEach((piece, i) => {
        let paused = false;
        const take = () => {
          while (!paused && !dead.has(process)) {
            taken[process]![i]! += piece;
            member.consume(piece);
          }
        };
        const member = limiter.join((now) => {
          paused = now;
          if (!paused) take();
        });
        members.push(member);
        scheduler.schedule(take, 1);
      });
    });
    if (gone !== undefined) {
      scheduler.schedule(() => {
        dead.add(gone);
        owner.left(gone);
      }, ms / 2);
    }
    scheduler.schedule(() => {
      for (const process of pieces.keys()) dead.add(process);
      for (const process of pieces.keys()) owner.left(process);
      for (const member of members) member.leave();
    }, ms);
  });
  return taken;
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

describe('a rate over several processes', () => {
  property.prop([
    fc.integer({ min: 10, max: 1_000_000 }),
    fc.array(fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 4,
    }),
  ])(
    'the rate is kept over time, but for what was saved up, the leases and a piece each',
    (perSecond, pieces) => {
      const taken = sum(run(perSecond, pieces, 2_000).flat());
      expect(taken).toBeLessThanOrEqual(2.12 * perSecond + sum(pieces.flat()) + 1);
      expect(taken).toBeGreaterThanOrEqual(Math.min(1.7 * perSecond, sum(pieces.flat())));
    },
  );

  test('it is shared in equal parts between the connections, whichever process has them', () => {
    const taken = run(1_000_000, [[1_000], [1_000, 64_000, 200]], 10_000).flat();
    const fair = 10_000_000 / 4;
    for (const each of taken) expect(Math.abs(each - fair)).toBeLessThan(0.07 * fair + 64_000);
  });

  test('the whole rate is left to the only connection of all processes', () => {
    expect(run(100_000, [[1_000], []], 10_000)[0]![0]).toBeGreaterThan(950_000);
  });

  test('what a dead process does not take the others get', () => {
    const [taken] = run(1_000_000, [[1_000], [1_000]], 10_000, 1);
    expect(taken![0]).toBeGreaterThan(7_000_000);
  });

  test('a debt that a connection leaves behind is paid before others of its process go on', () => {
    const asked: number[] = [];
    let give: (amount: number) => void = () => {};
    const limiter = createLeasedRateLimiter(({ debt }, answer) => {
      asked.push(debt);
      give = answer;
    });
    const one = limiter.join(() => {});
    one.consume(100);
    one.leave();
    const flow: boolean[] = [];
    limiter.join((paused) => flow.push(paused)).consume(10);
    give(100);
    expect(flow).toEqual([true]);
    expect(asked).toEqual([100, 10]);
    give(10);
    expect(flow).toEqual([true, false]);
  });
});
