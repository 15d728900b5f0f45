/** In virtual time: when the token of a `hello` is looked at, and that every wait ends. */
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { type AddressTries, createTokenCheck } from '../../../src/files/effects/token-check.ts';
import { anonymous } from '../../../src/files/protocol/access.ts';
import { serviceFault } from '../../../src/files/protocol/errors.ts';

function checked(turns: readonly (number | Promise<number>)[]) {
  const scheduler = new TestScheduler(() => {});
  scheduler.maxFrames = Number.POSITIVE_INFINITY;
  const looks: string[] = [];
  const left = [...turns];
  let wrong = 0;
  const tries: AddressTries = { takeTurn: () => left.shift() ?? 0, wrong: () => void wrong++ };
  const byToken = (token: string) => {
    looks.push(`${token} at ${scheduler.now()}`);
    return token === 'right' ? anonymous : null;
  };
  const check = createTokenCheck({ byToken }, scheduler, tries);
  return { scheduler, check, looks, wrong: () => wrong };
}

const right = { ok: true, value: anonymous };
const badToken = { ok: false, error: { code: 'bad-token' } };

describe('a token', () => {
  test('a token is checked at once where no wait is due, and a wrong one is reported', () => {
    const { check, wrong } = checked([]);
    expect(check.principalOf('right')).toEqual(right);
    expect(wrong()).toBe(0);
    expect(check.principalOf('guess')).toMatchObject(badToken);
    expect(wrong()).toBe(1);
  });

  test('a token that is right waits as long as a wrong one, so that waiting says nothing of it', async () => {
    for (const [token, outcome] of [
      ['right', right],
      ['guess', badToken],
    ] as const) {
      const { scheduler, check, looks } = checked([250]);
      const answer = check.principalOf(token);
      expect(looks).toEqual([]);
      scheduler.flush();
      expect(looks).toEqual([`${token} at 250`]);
      expect(await answer).toMatchObject(outcome);
    }
  });

  test('a token whose turn another process knows is checked when it has said so, and the turn has come', async () => {
    for (const [turn, at] of [
      [0, 0],
      [250, 250],
    ] as const) {
      const { scheduler, check, looks } = checked([Promise.resolve(turn)]);
      const answer = check.principalOf('right');
      await Promise.resolve();
      scheduler.flush();
      expect(await answer).toEqual(right);
      expect(looks).toEqual([`right at ${at}`]);
    }
  });

  test('a token is not checked when it was given up before another process has said when its turn is', async () => {
    const { scheduler, check, looks } = checked([Promise.resolve(0)]);
    const answer = check.principalOf('right');
    check.giveUp(serviceFault('shutting-down'));
    expect(await answer).toMatchObject({ ok: false, error: { code: 'shutting-down' } });
    scheduler.flush();
    expect(looks).toEqual([]);
  });

  test('a token is not checked when the wait was given up, and the wait ends with the reason', async () => {
    const { scheduler, check, looks, wrong } = checked([250]);
    const answer = check.principalOf('right');
    check.giveUp(serviceFault('shutting-down'));
    expect(await answer).toMatchObject({ ok: false, error: { code: 'shutting-down' } });
    expect(scheduler.actions).toEqual([]);
    scheduler.flush();
    expect(looks).toEqual([]);
    expect(wrong()).toBe(0);
    // There is none any more to be given up.
    check.giveUp(serviceFault('shutting-down'));
    expect(check.principalOf('right')).toEqual(right);
  });

  test('a token that cannot be checked fails, and harms no other, whether or not it had to wait', async () => {
    const scheduler = new TestScheduler(() => {});
    const byToken = () => {
      throw new Error('thrown by a lookup');
    };
    const waits = [0, 250];
    const check = createTokenCheck({ byToken }, scheduler, {
      takeTurn: () => waits.shift()!,
      wrong: () => {},
    });
    expect(() => check.principalOf('right')).toThrow('thrown by a lookup');
    const answer = check.principalOf('right');
    scheduler.flush();
    await expect(answer).rejects.toThrow('thrown by a lookup');
  });
});
