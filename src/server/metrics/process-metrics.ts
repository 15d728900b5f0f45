/**
 * What the process uses, under the names that dashboards for Prometheus and Node expect.
 *
 * Not prom-client's `collectDefaultMetrics`: what that starts to observe (garbage collections, the event loop) it
 * never stops observing, and it lists every open handle at each scrape.
 */
import { readdir } from 'node:fs/promises';
import type { Instruments } from './instruments.ts';

/** Adds them. They are read when somebody scrapes, and cost nothing in between. */
export function addProcessMetrics({ counter, gauge }: Instruments): void {
  const cpu = (microseconds: (usage: NodeJS.CpuUsage) => number) => () =>
    microseconds(process.cpuUsage()) / 1e6;
  counter(
    'process_cpu_user_seconds_total',
    'Processor time in user mode, in seconds.',
    cpu(({ user }) => user),
  );
  counter(
    'process_cpu_system_seconds_total',
    'Processor time in the kernel, in seconds.',
    cpu(({ system }) => system),
  );
  counter(
    'process_cpu_seconds_total',
    'Processor time, in seconds.',
    cpu(({ user, system }) => user + system),
  );

  const memory = () => process.memoryUsage();
  gauge('process_resident_memory_bytes', 'Memory of the process that is in RAM.', process.memoryUsage.rss);
  gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use.', () => memory().heapUsed);
  gauge('nodejs_external_memory_bytes', 'Memory outside the JavaScript heap.', () => memory().external);

  const started = Math.round(Date.now() / 1e3 - process.uptime());
  gauge('process_start_time_seconds', 'When the process began, in seconds since 1970.', () => started);
  if (process.platform === 'linux') gauge('process_open_fds', 'Open file descriptors.', openFiles);
}

/** One of those found is the folder's own. NaN when there is no `/proc`. */
const openFiles = (): Promise<number> =>
  readdir('/proc/self/fd').then(
    ({ length }) => length - 1,
    () => Number.NaN,
  );
