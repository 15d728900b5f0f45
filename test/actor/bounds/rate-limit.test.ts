/** In virtual time: how fast connections go together, and how fairly. */
import { fc, test as property } from '@fast-check/vitest';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { createRateLimiter, type Share } from '../../../src/actor/bounds/rate-limit.ts';

/** Connections that take a piece whenever they may, for so many milliseconds; answers what each has taken. */
function run(perSecond: number, pieces: readonly number[], ms: number): number[] {
  const scheduler = new TestScheduler(() => {});
  const taken = pieces.map(() => 0);
  scheduler.maxFrames = ms + 1;
  scheduler.run(() => {
    const pace = createRateLimiter(perSecond, scheduler);
    const members: Share[] = [];
    pieces.forEach((piece, i) => {
      let paused = false;
      const take = () => {
        while (!paused) {
          taken[i]! += piece;
          members[i]!.consume(piece);
        }
      };
      members.push(
        pace.join((now) => {
          paused = now;
          if (!paused) take();
        }),
      );
      scheduler.schedule(take, 1);
    });
    scheduler.schedule(() => {
      for (const member of members) member.leave();
    }, ms);
  });
  return taken;
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

describe('a rate limit', () => {
  property.prop([
    fc.integer({ min: 10, max: 1_000_000 }),
    fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 8 }),
  ])('a rate limit is kept over time, but for what was saved up and a piece each', (perSecond, pieces) => {
    const taken = sum(run(perSecond, pieces, 2_000));
    expect(taken).toBeLessThanOrEqual(2.1 * perSecond + sum(pieces) + 1);
    expect(taken).toBeGreaterThanOrEqual(Math.min(1.8 * perSecond, sum(pieces)));
  });

  test('a rate limit is shared in equal parts, however large the pieces are that each takes', () => {
    const taken = run(1_000_000, [100, 1_000, 64_000], 10_000);
    const fair = 10_000_000 / 3;
    for (const each of taken) expect(Math.abs(each - fair)).toBeLessThan(0.05 * fair + 64_000);
  });

  test('a rate limit leaves the whole rate to the only connection', () => {
    expect(run(1_000, [10], 10_000)[0]).toBeGreaterThan(9_500);
  });

  test('a rate limit that is infinite asks for nothing', () => {
    const member = createRateLimiter(Number.POSITIVE_INFINITY).join(() => {
      throw new Error('was paused');
    });
    member.consume(1e12);
    member.leave();
  });

  test('a rate limit holds for a connection that comes again and again: its debt stays', () => {
    const scheduler = new TestScheduler(() => {});
    let taken = 0;
    scheduler.maxFrames = 10_001;
    scheduler.run(() => {
      const pace = createRateLimiter(1_000, scheduler);
      /** Comes, takes a piece as soon as it may, and leaves. */
      const visit = () => {
        let paused = false;
        const member = pace.join((now) => {
          paused = now;
          if (!paused) take();
        });
        const take = () => {
          if (scheduler.now() >= 10_000) return;
          taken += 500;
          member.consume(500);
          member.leave();
          scheduler.schedule(visit, 1);
        };
        if (!paused) take();
      };
      scheduler.schedule(visit, 1);
    });
    expect(taken).toBeLessThanOrEqual(11_000);
    expect(taken).toBeGreaterThan(5_000);
  });
});
