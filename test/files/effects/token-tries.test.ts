/** How often tokens may be tried from one address, in a time that the test sets. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import {
  ADDRESSES_MAX,
  createTokenTries,
  FORGET_MS,
  GAP_FIRST_MS,
  GAP_MAX_MS,
  WAIT_MAX_MS,
  WRONG_FREE,
  WRONG_MAX,
} from '../../../src/files/effects/token-tries.ts';

function tried() {
  let time = 1_000;
  const tries = createTokenTries(() => time);
  return {
    tries,
    now: () => time,
    pass: (ms: number) => {
      time += ms;
    },
    wrong: (address: string, times: number) => {
      for (let i = 0; i < times; i++) tries.wrong(address);
    },
  };
}

describe('an address', () => {
  test('an address waits for nothing before so many of its tokens were wrong, and then longer and longer', () => {
    const { tries, pass, wrong } = tried();
    const waits: number[] = [];
    for (let i = 0; i < WRONG_FREE + 6; i++) {
      const wait = tries.takeTurn('a');
      waits.push(wait);
      pass(wait);
      wrong('a', 1);
    }
    expect(waits).toEqual([
      ...Array(WRONG_FREE).fill(0),
      GAP_FIRST_MS,
      2 * GAP_FIRST_MS,
      4 * GAP_FIRST_MS,
      GAP_MAX_MS,
      GAP_MAX_MS,
      GAP_MAX_MS,
    ]);
  });

  test('an address that tries much at once waits in turns, and never longer than the longest wait', () => {
    const { tries, wrong } = tried();
    wrong('a', WRONG_FREE + 3);
    const waits = Array.from({ length: 8 }, () => tries.takeTurn('a'));
    expect(waits).toEqual([1, 2, 3, 4, 5, 5, 5, 5].map((turns) => turns * GAP_MAX_MS));
    expect(5 * GAP_MAX_MS).toBe(WAIT_MAX_MS);
  });

  test('an address that has waited since its last try need not wait again', () => {
    const { tries, pass, wrong } = tried();
    wrong('a', WRONG_MAX);
    pass(GAP_MAX_MS);
    expect(tries.takeTurn('a')).toBe(0);
    expect(tries.takeTurn('a')).toBe(GAP_MAX_MS);
  });

  test('an address is free again some time after the last wrong token, however many there were', () => {
    const { tries, pass, wrong } = tried();
    wrong('a', 1_000_000);
    pass((WRONG_MAX - WRONG_FREE + 1) * FORGET_MS - 1);
    for (let i = 0; i < 5; i++) tries.takeTurn('a');
    expect(tries.takeTurn('a')).toBeGreaterThan(0);
    pass(1);
    expect(tries.takeTurn('a')).toBe(0);
  });

  test('an address that says a wrong one now and then, as a forgotten script does, is never slowed down', () => {
    const { tries, pass } = tried();
    for (let i = 0; i < 1_000; i++) {
      expect(tries.takeTurn('a')).toBe(0);
      tries.wrong('a');
      pass(FORGET_MS);
    }
  });

  test('an address that guesses one after the other has few tries in an hour', () => {
    const { tries, now, pass } = tried();
    let count = 0;
    for (const end = now() + 3_600_000; now() < end; count++) {
      pass(tries.takeTurn('a'));
      tries.wrong('a');
    }
    expect(count).toBeLessThan(WRONG_FREE + 10 + 3_600_000 / GAP_MAX_MS);
  });
});

type Step =
  | { readonly does: 'turn' | 'wrong'; readonly who: number; readonly times: number }
  | { readonly does: 'pass'; readonly ms: number };

const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ does: fc.constantFrom('turn', 'wrong', 'wrong'), who: fc.nat(2), times: fc.nat(WRONG_FREE) }),
    fc.record({ does: fc.constant('pass'), ms: fc.nat(2 * FORGET_MS) }),
  ),
  { maxLength: 100 },
);

/** What the turns of one address came to. */
function waitsOf(all: readonly Step[], who: number): readonly number[] {
  const { tries, pass, wrong } = tried();
  const waits: number[] = [];
  for (const step of all) {
    if (step.does === 'pass') pass(step.ms);
    else if (step.does === 'wrong') wrong(String(step.who), step.times);
    else {
      const turns = Array.from({ length: step.times }, () => tries.takeTurn(String(step.who)));
      if (step.who === who) waits.push(...turns);
    }
  }
  return waits;
}

property.prop([steps])('whatever comes, no wait is longer than the longest, nor in the past', (all) => {
  for (const wait of waitsOf(all, 0)) {
    expect(wait).toBeGreaterThanOrEqual(0);
    expect(wait).toBeLessThanOrEqual(WAIT_MAX_MS);
  }
});

property.prop([steps])('what others do makes no address wait', (all) => {
  const alone = all.filter((step) => step.does === 'pass' || step.who === 0);
  expect(waitsOf(all, 0)).toEqual(waitsOf(alone, 0));
});

describe('the table of addresses', () => {
  test('the table of addresses is bounded, and an address that others push out of it is free, not shut out', () => {
    const { tries, wrong } = tried();
    wrong('honest', WRONG_FREE - 1);
    wrong('guesses', WRONG_MAX);
    expect(tries.takeTurn('guesses')).toBeGreaterThan(0);
    for (let i = 0; i < 2 * ADDRESSES_MAX; i++) tries.wrong(`other ${i}`);
    expect(tries.remembered()).toBe(ADDRESSES_MAX);
    expect(tries.takeTurn('honest')).toBe(0);
    expect(tries.takeTurn('guesses')).toBe(0);
  });

  test('the table of addresses keeps addresses that go on guessing, and forgets the one that guessed longest ago', () => {
    const { tries, wrong } = tried();
    wrong('guesses', WRONG_MAX);
    for (let i = 0; i < 3 * ADDRESSES_MAX; i++) {
      tries.wrong(`other ${i}`);
      if (i % (ADDRESSES_MAX / 2) === 0) tries.wrong('guesses');
    }
    expect(tries.takeTurn('guesses')).toBeGreaterThan(0);
  });

  test('the table of addresses shrinks by itself once what is in it is of no use', () => {
    const { tries, pass } = tried();
    for (let i = 0; i < 1_000; i++) tries.wrong(`once ${i}`);
    pass(FORGET_MS);
    for (let i = 0; i < 600; i++) tries.wrong('another');
    expect(tries.remembered()).toBe(1);
  });
});
