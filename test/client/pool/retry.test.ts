import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { backoffDelay } from '../../../src/base/backoff.ts';
import { isRetryable } from '../../../src/client/pool/retry.ts';
import { catalogue, type ErrorCode, serviceFault } from '../../../src/files/protocol/errors.ts';

describe('what is worth trying again', () => {
  test('a refusal is retried if it is about the moment, and no other error of the catalogue is', () => {
    const codes = Object.keys(catalogue) as ErrorCode[];
    const passing = codes.filter((code) => isRetryable({ code: 'refused', error: serviceFault(code) }));
    expect(passing.sort()).toEqual([
      'busy',
      'events-full',
      'internal',
      'io-error',
      'shutting-down',
      'timed-out',
      'too-many-connections',
      'too-many-open-files',
      'too-many-uploads',
      'truncated',
      'unavailable',
    ]);
    for (const code of codes) {
      const given = { code: 'protocol', message: '', error: serviceFault(code) } as const;
      expect(isRetryable(given)).toBe(passing.includes(code));
    }
  });

  test('a broken connection and a server that cannot be understood are retried, and an untrusted server is not', () => {
    const connection = (code: 'reset' | 'untrusted' | 'unknown-host' | 'no-resolver') =>
      ({ code: 'connection', cause: { code, message: '' }, sent: false }) as const;
    expect(isRetryable(connection('reset'))).toBe(true);
    expect(isRetryable(connection('untrusted'))).toBe(false);
    expect(isRetryable(connection('untrusted'), true)).toBe(false);
    expect(isRetryable(connection('no-resolver'))).toBe(true);
    expect(isRetryable(connection('unknown-host'))).toBe(false);
    expect(isRetryable(connection('unknown-host'), true)).toBe(true);
    expect(isRetryable({ code: 'protocol', message: '' })).toBe(true);
  });

  test('faults of our own are not retried', () => {
    for (const code of ['content', 'mismatch', 'unsendable'] as const) {
      expect(isRetryable({ code, message: '' })).toBe(false);
    }
  });
});

describe('the wait before a try', () => {
  const backoff = fc.record({
    initial: fc.integer({ min: 0, max: 10_000 }),
    maximum: fc.integer({ min: 0, max: 100_000 }),
  });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  property.prop([fc.integer({ min: 1, max: 5000 }), backoff, random])(
    'the wait before a try is whole, and never above the bound, however often it failed',
    (failures, backoff, random) => {
      const wait = backoffDelay(failures, backoff, random);
      expect(Number.isSafeInteger(wait)).toBe(true);
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThanOrEqual(
        Math.min(backoff.maximum, backoff.initial * 2 ** Math.min(failures - 1, 50)),
      );
    },
  );

  test('the wait before a try is up to 200 ms at first, twice as much each time, and up to half a minute in the end', () => {
    const bounds = [1, 2, 3, 8, 9, 1000].map((failures) => backoffDelay(failures, {}, 1 - 1e-12));
    expect(bounds).toEqual([200, 400, 800, 25_600, 30_000, 30_000]);
    expect(backoffDelay(3, {}, 0)).toBe(0);
    expect(backoffDelay(3, {}, 0.5)).toBe(400);
  });
});
