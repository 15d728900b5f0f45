/**
 * The state of a server as numbers, for metrics and health; and in one line, for an operator who sends it a signal and
 * looks at the log.
 *
 * `up 3 d 4 h, 12 connections, 48210 requests (830.5/s), in 1.2 GiB, out 3.4 MiB, unsettled 512 KiB, …`
 */
import { formatBytes, plainCountOf } from '../base/units.ts';
import { createLoopDelayMeter } from './metrics/loop-delay.ts';

/**
 * The numbers of a server. Reading them costs a few additions, so they may be read often. Counts begin with the
 * server.
 */
export interface ServerStats {
  /** Connections that are open now. */
  readonly connections: number;
  /** Requests begun, refused ones included. */
  readonly requests: number;
  /** Bytes received from the connections. */
  readonly received: number;
  /** Bytes passed to the connections. */
  readonly sent: number;
  /** Bytes of credit that are charged and not credited yet: the bytes in memory for peers. */
  readonly unsettled: number;
}

/** Uploads that broke off or are under way, and can be resumed. */
export interface Unfinished {
  /** Their number. */
  readonly count: number;
  /** The bytes that have arrived of all of them together. */
  readonly bytes: number;
}

export interface Status {
  readonly stats: ServerStats;
  /** Milliseconds since the server began. */
  readonly uptime: number;
  /** Requests a second since the last status, or since the server began. */
  readonly rate: number;
  /** Absent when the store keeps no uploads or cannot say. */
  readonly unfinished?: Unfinished | undefined;
  /** The 99th percentile of the event loop's delay since the last status, in seconds. */
  readonly loopDelay: number;
  /** Bytes of memory of the process. */
  readonly rss: number;
}

/** @example statusLine(status) // 'up 40 s, 1 connection, 12 requests (0.3/s), in 5 B, out 0 B, …' */
export function statusLine({ stats, uptime, rate, unfinished, loopDelay, rss }: Status): string {
  return [
    `up ${formatTime(uptime)}`,
    plainCountOf(stats.connections, 'connection'),
    `${plainCountOf(stats.requests, 'request')} (${rate.toFixed(1)}/s)`,
    `in ${formatBytes(stats.received)}`,
    `out ${formatBytes(stats.sent)}`,
    `unsettled ${formatBytes(stats.unsettled)}`,
    ...(unfinished === undefined
      ? []
      : [`${plainCountOf(unfinished.count, 'unfinished upload')} (${formatBytes(unfinished.bytes)})`]),
    `event loop p99 ${(loopDelay * 1e3).toFixed(1)} ms`,
    `rss ${formatBytes(rss)}`,
  ].join(', ');
}

export interface StatusOptions {
  readonly stats: () => ServerStats;
  readonly unfinished?: (() => Unfinished | Promise<Unfinished>) | undefined;
  /** The clock, in milliseconds; for tests. */
  readonly now?: () => number;
}

export interface StatusReader {
  /**
   * The current line. Rates and delays are those since the last call. Rejects only when `unfinished` does.
   */
  readonly line: () => Promise<string>;
  /** The same as numbers. */
  readonly read: () => Promise<Status>;
  /** Stops measuring. */
  readonly stop: () => void;
}

/**
 * Measures from now on what the line shows.
 *
 * @example
 * const status = createStatusReader({ stats });
 * process.on('SIGUSR2', async () => log.info(await status.line()));
 */
export function createStatusReader({
  stats,
  unfinished,
  now = () => performance.now(),
}: StatusOptions): StatusReader {
  const meter = createLoopDelayMeter();
  const began = now();
  let last = { time: began, requests: 0 };
  async function read(): Promise<Status> {
    const uploads = await unfinished?.();
    const [at, numbers] = [now(), stats()];
    const seconds = (at - last.time) / 1e3;
    const rate = seconds > 0 ? (numbers.requests - last.requests) / seconds : 0;
    last = { time: at, requests: numbers.requests };
    const loopDelay = meter.take().p99;
    const rss = process.memoryUsage.rss();
    return { stats: numbers, uptime: at - began, rate, unfinished: uploads, loopDelay, rss };
  }
  return { read, line: async () => statusLine(await read()), stop: meter.stop };
}

/** The two largest units of a duration: `3 d 4 h`, `4 h 5 min`, `5 min 6 s`, `6 s`. */
function formatTime(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1e3);
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24];
  const minutes = Math.floor(seconds / 60) % 60;
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}
