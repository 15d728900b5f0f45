/** `parallel: 'auto'`: what the pool decides, and what it does, by a clock that the test moves. */
import { NEVER, of, Subject, throwError, timer } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { createBandwidth } from '../../../src/cli/shared/bandwidth.ts';
import { bytesContent } from '../../../src/client/content/content.ts';
import { clientFault } from '../../../src/client/content/read-content.ts';
import { createConnectionPool } from '../../../src/client/pool/connection-pool.ts';
import { type Growth, grown, NO_GROWTH } from '../../../src/client/pool/growth.ts';
import { createJob } from '../../../src/client/pool/pool-state.ts';
import type { Connection, ConnectionFault } from '../../../src/transport/connection.ts';
import { ConnectionError } from '../../../src/transport/connection-error.ts';
import { manualClock } from '../../support/manual-clock.ts';

describe('how many connections there are to be', () => {
  test.each<[string, readonly (number | null)[], number, boolean]>([
    ['before anything was measured', [], 1, false],
    ['when nothing has counted', [null, 0, null], 1, false],
    ['after the first span', [100], 2, false],
    ['when a second connection makes it faster', [100, 190], 3, false],
    ['when a second connection makes it a tenth faster', [100, 110], 2, true],
    ['when a third connection brings nothing', [100, 190, 195], 3, true],
    ['when it becomes slower', [100, 50], 2, true],
    ['when spans between do not count', [100, null, null, 190, 0, null], 3, false],
    ['when each makes it faster', [1, 2, 3, 4, 5, 6, 7, 8, 9], 8, true],
    ['when it would be faster again, once it is settled', [100, 100, 1000, 2000], 2, true],
  ])('%s: spans with %j bytes make %d', (_, spans, connections, isSettled) => {
    const growth = spans.reduce<Growth>(grown, NO_GROWTH);
    expect(growth).toMatchObject({ connections, isSettled });
  });
});

test('there are never more connections than is said', () => {
  const connectionsAt = (most: number) =>
    [1, 2, 4, 8, 16].reduce((growth, bytes) => grown(growth, bytes), { ...NO_GROWTH, most });
  expect(connectionsAt(1)).toMatchObject({ connections: 1, isSettled: true });
  expect(connectionsAt(3)).toMatchObject({ connections: 3, isSettled: true });
});

/** A connection that takes all that it is given, and says nothing. */
function sink(closed$ = new Subject<ConnectionFault | null>(), chunks$ = new Subject<Uint8Array>()) {
  const connection: Connection = {
    ...{ id: '', local: '', remote: '', pause: () => {}, resume: () => {}, end: () => {} },
    ...{ chunks$, closed$ },
    write: (_, settled) => queueMicrotask(settled),
    destroy: () => closed$.next(null),
  };
  const fail = (fault: ConnectionFault) => {
    chunks$.error(new ConnectionError(fault));
    closed$.next(fault);
  };
  return { connection, fail };
}

const bytes = new Uint8Array(64 * 1024 ** 2);

/** A pool with many files that never end, for so many milliseconds. */
async function running(
  connect: (number: number) => Connection | ConnectionFault,
  ms = 10_000,
  jobs = 40,
  options: { readonly parallelMax?: number } = {},
) {
  const clock = manualClock();
  let made = 0;
  const retries: string[] = [];
  const pool = createConnectionPool({
    parallel: 'auto',
    ...options,
    connect: () => {
      const connection = connect(made++);
      return 'code' in connection ? throwError(() => new ConnectionError(connection)) : of(connection);
    },
  });
  pool.retries$.subscribe(({ fault, connection }) => retries.push(`${connection} ${fault.code}`));
  for (let i = 0; i < jobs; i++) {
    const job = createJob(
      (client) =>
        client.put('f', bytesContent(bytes)).subscribe({
          next: () => pool.madeProgress(job),
          error: (error: unknown) => pool.failed(job, clientFault(error)),
        }),
      () => {},
      true,
    );
    pool.add(job);
  }
  for (let at = 0; at < ms; at += 20) await clock.advance(20);
  pool.destroy();
  return { made, retries };
}

const RATE = 4 * 1024 ** 2;

describe('a pool with parallel: auto', () => {
  test('has all eight connections when each is as fast as the first', async () => {
    expect(await running(() => createBandwidth(RATE)(sink().connection))).toEqual({ made: 8, retries: [] });
  });

  test.each([1, 3])(
    'has no more than a parallelMax of %i, though each is as fast as the first',
    async (parallelMax) => {
      const made = await running(() => createBandwidth(RATE)(sink().connection), 5000, 40, { parallelMax });
      expect(made).toEqual({ made: parallelMax, retries: [] });
    },
  );

  test('has no more than a second connection when all together are as fast as one', async () => {
    const limit = createBandwidth(RATE);
    expect((await running(() => limit(sink().connection))).made).toBe(2);
  });

  test('has one connection for what is over soon, and one for one file', async () => {
    expect((await running(() => createBandwidth(RATE)(sink().connection), 900)).made).toBe(1);
    expect((await running(() => createBandwidth(RATE)(sink().connection), 5000, 1)).made).toBe(1);
  });

  test('has no more connections once the server has let another one not in, and does not try it again', async () => {
    const refused = { code: 'refused', message: 'nobody listens' } as const;
    const { made, retries } = await running((number) =>
      number === 0 ? createBandwidth(RATE)(sink().connection) : refused,
    );
    expect({ made, retries }).toEqual({ made: 2, retries: [] });
  });

  test('has no more connections once the server has dropped another one at once, and goes on with the first', async () => {
    const { made, retries } = await running((number) => {
      const { connection, fail } = sink();
      if (number > 0) timer(10).subscribe(() => fail({ code: 'reset', message: 'the peer dropped it' }));
      return createBandwidth(RATE)({ ...connection, ...(number > 0 && { write: () => {} }) });
    });
    expect({ made, retries }).toEqual({ made: 2, retries: [] });
  });

  test('has one connection while it breaks in each span, however much it moves in between', async () => {
    const { made, retries } = await running(() => {
      const { connection, fail } = sink();
      timer(400).subscribe(() => fail({ code: 'reset', message: 'the peer dropped it' }));
      return createBandwidth(RATE)(connection);
    });
    expect(made).toBeGreaterThan(5);
    expect(new Set(retries)).toEqual(new Set(['0 connection']));
  });

  test('has no more connections while nothing moves', async () => {
    const silent = { ...sink().connection, write: () => {}, closed$: NEVER };
    expect((await running(() => silent)).made).toBe(1);
  });
});
