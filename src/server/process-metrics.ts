/**
 * What the process uses, under the names that dashboards for Prometheus and Node expect.
 *
 * Not prom-client's `collectDefaultMetrics`: what that starts to observe (garbage collections, the event loop) it
 * never stops observing, and it lists every open handle at each scrape.
 */
import { readdir } from 'node:fs/promises';
import type { Gauge, Registry } from 'prom-client';

export type PromClient = typeof import('prom-client');

/** Adds them to a registry. They are read when it is scraped, and cost nothing in between. */
export function addProcessMetrics({ Counter, Gauge }: PromClient, registry: Registry): void {
  const registers = [registry];
  const cpu = (part: 'user' | 'system' | null) => ({
    name: part === null ? 'process_cpu_seconds_total' : `process_cpu_${part}_seconds_total`,
    help: `Processor time spent${part === null ? '' : ` in ${part} mode`}, in seconds.`,
    registers,
    collect(this: InstanceType<typeof Counter>) {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((part === 'user' ? user : part === 'system' ? system : user + system) / 1e6);
    },
  });
  for (const part of ['user', 'system', null] as const) new Counter(cpu(part));

  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect(this: Gauge) {
        this.set(read());
      },
    });
  gauge('process_resident_memory_bytes', 'Memory of the process that is in RAM, in bytes.', () =>
    process.memoryUsage.rss(),
  );
  gauge(
    'nodejs_heap_size_used_bytes',
    'JavaScript heap in use, in bytes.',
    () => process.memoryUsage().heapUsed,
  );
  gauge(
    'nodejs_external_memory_bytes',
    'Memory outside the JavaScript heap, buffers included, in bytes.',
    () => process.memoryUsage().external,
  );
  gauge('process_uptime_seconds', 'Time since the process began, in seconds.', () => process.uptime());
  const started = Math.round(Date.now() / 1e3 - process.uptime());
  gauge('process_start_time_seconds', 'When the process began, in seconds since 1970.', () => started);
  if (process.platform === 'linux') {
    new Gauge({
      name: 'process_open_fds',
      help: 'Open file descriptors.',
      registers,
      async collect(this: Gauge) {
        // One of them is the folder's own.
        this.set((await readdir('/proc/self/fd')).length - 1);
      },
    });
  }
}
