/** The numbers that are drawn over time: read once a second, and kept for ten minutes. */
import type { Point } from '../../files/protocol/watching.ts';
import type { LoopDelayMeter } from '../metrics/loop-delay.ts';
import type { ServerStats } from '../status.ts';
import type { EventCounts } from './event-counts.ts';
import { clearLatencies, latencyOf } from './latency.ts';

/** The points that are kept. */
export const POINTS_MAX = 600;

export interface PointsDeps {
  readonly stats: () => ServerStats;
  readonly counts: EventCounts;
  readonly meter: Pick<LoopDelayMeter, 'take'>;
  /** Milliseconds, of the clock of rates. */
  readonly now: () => number;
}

export interface Points {
  /** Reads the numbers of now. */
  readonly take: () => Point;
  /** The last ones, oldest first. */
  readonly last: () => readonly Point[];
}

export function createPoints({ stats, counts, meter, now }: PointsDeps): Points {
  const points: Point[] = [];
  let before = { time: now(), ...stats(), refused: counts.refused };
  return {
    last: () => points,
    take: () => {
      const read = { time: now(), ...stats(), refused: counts.refused };
      const seconds = (read.time - before.time) / 1e3;
      const rate = (key: 'received' | 'sent' | 'requests' | 'refused') =>
        seconds > 0 ? Math.round((read[key] - before[key]) / seconds) : 0;
      const latency = latencyOf([counts.sincePoint]);
      clearLatencies(counts.sincePoint);
      const memory = process.memoryUsage();
      const point: Point = {
        at: Date.now(),
        connections: read.connections,
        received: rate('received'),
        sent: rate('sent'),
        requests: rate('requests'),
        refused: rate('refused'),
        p50: latency?.p50 ?? null,
        p99: latency?.p99 ?? null,
        loop: Math.round(meter.take().p99 * 1e6) / 1e3,
        rss: memory.rss,
        heap: memory.heapUsed,
        unsettled: read.unsettled,
      };
      before = read;
      points.push(point);
      if (points.length > POINTS_MAX) points.shift();
      return point;
    },
  };
}
