/** The one line about how a server does. */
import { describe, expect, test } from 'vitest';
import { createStatusReader, type Status, statusLine } from '../../src/server/status.ts';

const status: Status = {
  stats: { connections: 12, requests: 48_210, received: 1_288_490_189, sent: 3_565_158, unsettled: 524_288 },
  uptime: ((3 * 24 + 4) * 60 + 5) * 60_000,
  rate: 830.52,
  unfinished: { count: 3, bytes: 47_185_920 },
  loopDelay: 0.00123,
  rss: 103_179_878,
};

describe('the status line', () => {
  test('the status line has all numbers in readable units', () => {
    expect(statusLine(status)).toBe(
      'up 3 d 4 h, 12 connections, 48210 requests (830.5/s), in 1.2 GiB, out 3.4 MiB, unsettled 512 KiB, ' +
        '3 unfinished uploads (45.0 MiB), event loop p99 1.2 ms, rss 98.4 MiB',
    );
  });

  test('the status line has singular forms, and no uploads where the store cannot say', () => {
    const stats = { connections: 1, requests: 1, received: 1023, sent: 0, unsettled: 0 };
    expect(statusLine({ ...status, stats, unfinished: undefined, uptime: 999, rate: 0 })).toBe(
      'up 0 s, 1 connection, 1 request (0.0/s), in 1.0 KiB, out 0 B, unsettled 0 B, ' +
        'event loop p99 1.2 ms, rss 98.4 MiB',
    );
  });

  test.each([
    [59_999, '59 s'],
    [60_000, '1 min 0 s'],
    [3_599_999, '59 min 59 s'],
    [3_600_000, '1 h 0 min'],
    [86_400_000, '1 d 0 h'],
  ])('the status line shows an uptime of %i ms as %s', (uptime, said) => {
    expect(statusLine({ ...status, uptime })).toMatch(new RegExp(`^up ${said}, `));
  });

  test.each([
    [1024, '1.0 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [1024 ** 2, '1.0 MiB'],
    [1024 ** 4 * 1.5, '1.5 TiB'],
    [Number.MAX_SAFE_INTEGER, '8.0 PiB'],
  ])('the status line shows %i bytes as %s', (rss, said) => {
    expect(statusLine({ ...status, rss })).toMatch(new RegExp(`rss ${said}$`));
  });
});

test('the rate of the status line is that since the last line', async () => {
  let [now, requests] = [5_000, 100];
  const stats = () => ({ connections: 0, requests, received: 0, sent: 0, unsettled: 0 });
  const reader = createStatusReader({
    stats,
    now: () => now,
    unfinished: async () => ({ count: 1, bytes: 2 }),
  });
  [now, requests] = [7_000, 120];
  expect(await reader.line()).toMatch(
    /^up 2 s, 0 connections, 120 requests \(60\.0\/s\), .* 1 unfinished upload \(2 B\)/,
  );
  now = 11_000;
  requests = 130;
  expect(await reader.line()).toContain('130 requests (2.5/s)');
  // No time, no rate.
  expect(await reader.line()).toContain('(0.0/s)');
  reader.stop();
});
