/**
 * The resources that the process uses, under the names that dashboards for Prometheus and Node expect.
 *
 * This does not use prom-client's `collectDefaultMetrics`: that never stops its observers (garbage
 * collection, event loop), and it lists every open handle at each scrape.
 */
import { readdir } from 'node:fs/promises';
import type { Instruments } from './instruments.ts';

/** Adds the metrics. They are read at each scrape and cost nothing in between. */
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
  gauge('process_start_time_seconds', 'When the process began, in seconds since 1970.', () => started, 'min');
  if (process.platform === 'linux') gauge('process_open_fds', 'Open file descriptors.', openFiles);
}

/** One of the descriptors found belongs to the folder being read. NaN when there is no `/proc`. */
const openFiles = (): Promise<number> =>
  readdir('/proc/self/fd').then(
    ({ length }) => length - 1,
    () => Number.NaN,
  );
