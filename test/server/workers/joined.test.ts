/** What several workers say of themselves, as what one server says. */
import * as prom from 'prom-client';
import { Subject } from 'rxjs';
import { expect, onTestFinished, test } from 'vitest';
import { serviceFault } from '../../../src/files/protocol/errors.ts';
import type { ServerEvent } from '../../../src/server/event.ts';
import { joinMetrics, type MetricsSnapshot } from '../../../src/server/metrics/joined-metrics.ts';
import { startMetrics } from '../../../src/server/metrics/running-metrics.ts';
import type { Status } from '../../../src/server/status.ts';
import { joinHealth, joinStatus } from '../../../src/server/workers/joined-status.ts';
import { scraped } from '../../support/processes/scraped.ts';

/** A worker that has stored so many files of ten bytes. */
async function snapshotOf(files: number, connections: number, unfinished: number): Promise<MetricsSnapshot> {
  const events$ = new Subject<ServerEvent>();
  const stats = () => ({ connections, requests: files, received: 10 * files, sent: 0, unsettled: 1 });
  const metrics = startMetrics(prom, {
    events$,
    stats,
    unfinished: () => ({ count: unfinished, bytes: unfinished }),
  });
  onTestFinished(metrics.stop);
  const where = { connection: '1', remote: '127.0.0.1:1' };
  for (let i = 0; i < files; i++) {
    const answered = { request: i, ms: 1, ...where };
    events$.next({ type: 'stored', filename: 'a', size: 10, crc32: 0, durable: true, ...answered });
    events$.next({ type: 'served', cmd: 'put', filename: 'a', ...answered });
  }
  // As it crosses a channel.
  return structuredClone(await (await metrics.read()).getMetricsAsJSON());
}

function joining(...all: readonly MetricsSnapshot[]) {
  const now = new Map(all.map((snapshot, i) => [i + 1, snapshot]));
  const metrics = joinMetrics(prom, {
    read: async () => now,
    workers: () => now.size,
    ended: () => all.length - now.size,
  });
  onTestFinished(metrics.stop);
  return {
    scrape: async () => scraped(await metrics.text()),
    end: async (number: number) => {
      now.delete(number);
      metrics.left(number);
      await new Promise(setImmediate);
    },
    set: (number: number, snapshot: MetricsSnapshot) => now.set(number, snapshot),
  };
}

test('counters, histograms and gauges are added up, but for those of which the sum means nothing', async () => {
  const joined = await joining(await snapshotOf(2, 3, 7), await snapshotOf(3, 4, 7)).scrape();
  expect(joined.value('sluice_stored_files_total')).toBe(5);
  expect(joined.value('sluice_stored_bytes_total')).toBe(50);
  expect(joined.value('sluice_connections_open')).toBe(7);
  expect(joined.all('sluice_requests_total')).toEqual({ 'cmd="put",outcome="served"': 5 });
  expect(joined.all('sluice_request_duration_seconds_count')['cmd="put"']).toBe(5);
  expect(joined.all('sluice_request_duration_seconds_bucket')['le="+Inf",cmd="put"']).toBe(5);
  expect(joined.value('sluice_unfinished_uploads')).toBe(7);
  expect(Object.values(joined.all('sluice_info'))).toEqual([1]);
  expect(joined.value('process_start_time_seconds')).toBeLessThan(Date.now() / 1000);
  expect(joined.value('sluice_workers')).toBe(2);
});

test('what a dead worker had counted stays in the sums, and that of its successor is added', async () => {
  const workers = joining(await snapshotOf(2, 3, 0), await snapshotOf(3, 4, 0));
  await workers.scrape();
  await workers.end(1);
  const after = await workers.scrape();
  expect(after.value('sluice_stored_files_total')).toBe(5);
  expect(after.all('sluice_request_duration_seconds_count')['cmd="put"']).toBe(5);
  expect(after.value('sluice_connections_open')).toBe(4);
  expect(after.value('sluice_workers_ended_total')).toBe(1);
  workers.set(1, await snapshotOf(10, 1, 0));
  await workers.scrape();
  await workers.end(1);
  await workers.end(2);
  expect((await workers.scrape()).value('sluice_stored_files_total')).toBe(15);
});

const status = (of: Partial<Status>): Status => ({
  stats: { connections: 1, requests: 2, received: 3, sent: 4, unsettled: 5 },
  uptime: 10,
  rate: 1,
  loopDelay: 0.1,
  rss: 100,
  ...of,
});

test('the status of all is the sum, with the longest delay and the memory of the starter', () => {
  const joined = joinStatus(
    [status({ loopDelay: 0.3 }), status({ uptime: 20, unfinished: { count: 2, bytes: 9 } })],
    50,
  );
  expect(joined).toEqual({
    stats: { connections: 2, requests: 4, received: 6, sent: 8, unsettled: 10 },
    uptime: 20,
    rate: 2,
    loopDelay: 0.3,
    rss: 250,
    unfinished: { count: 2, bytes: 9 },
  });
});

test('the server is unwell when one worker is, or does not answer, and starting when none can serve', () => {
  const unwell = { status: 'unwritable', error: serviceFault('disk-full') } as const;
  expect(joinHealth([{ status: 'ok' }, { status: 'starting' }])).toEqual({ status: 'ok' });
  expect(joinHealth([{ status: 'ok' }, unwell])).toEqual(unwell);
  expect(joinHealth([{ status: 'ok' }, null])).toMatchObject({
    status: 'unwritable',
    error: { code: 'io-error', message: expect.stringContaining('a worker does not answer') },
  });
  expect(joinHealth([])).toEqual({ status: 'starting' });
});
