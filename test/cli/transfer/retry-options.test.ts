/** Breaks that are tried again are reported once each, although several connections may have one at once. */
import { Subject } from 'rxjs';
import { expect, test } from 'vitest';
import type { Report, RetryNotice } from '../../../src/cli/transfer/report/report.ts';
import { reportRetries } from '../../../src/cli/transfer/retry-options.ts';
import type { Retry } from '../../../src/client/pool/pool-options.ts';

function telling() {
  const told: RetryNotice[] = [];
  const retries$ = new Subject<Retry>();
  reportRetries(retries$, { retry: (retry) => told.push(retry) } as Partial<Report> as Report);
  const fault = { code: 'connection', cause: { code: 'reset', message: 'reset' }, sent: true } as const;
  return {
    told,
    broke: (connection: number | null, attempt = 1) =>
      retries$.next({ fault, delay: 0, attempt, retries: 5, connection }),
  };
}

test('connections that break at once, for one reason, are reported as one', () => {
  const { told, broke } = telling();
  for (const connection of [0, 1, 2, 3]) broke(connection);
  expect(told.length).toBe(1);
});

test('a connection that breaks twice is reported twice, however soon', () => {
  const { told, broke } = telling();
  broke(0);
  broke(0);
  expect(told.length).toBe(2);
});

test('requests that are refused at once, for one reason, are reported as one', () => {
  const { told, broke } = telling();
  broke(null);
  broke(null);
  expect(told.length).toBe(1);
});

test('a further try is reported in a line of its own', () => {
  const { told, broke } = telling();
  broke(0, 1);
  broke(1, 2);
  expect(told.map(({ attempt }) => attempt)).toEqual([1, 2]);
});
