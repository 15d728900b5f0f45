/** The charts: what each draws of the points, and how it is said in words. */
import type { Point } from '../../files/protocol/watching.ts';
import { bytes, count, rate } from '../shell/words.ts';
import { milliseconds, perSecond } from './amounts.ts';

export interface Line {
  readonly label: string;
  /** The custom property of the stylesheet that has its colour. */
  readonly color: string;
  readonly of: (point: Point) => number | null;
}

export interface ChartSpec {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly amount: (value: number) => string;
  /** Whether its scale has steps of powers of two. */
  readonly isBytes?: true;
}

const milli = (ms: number): string => milliseconds(ms);

export const CHARTS: readonly ChartSpec[] = [
  {
    title: 'Traffic',
    amount: rate,
    isBytes: true,
    lines: [
      { label: 'received', color: '--line-1', of: ({ received }) => received },
      { label: 'sent', color: '--line-2', of: ({ sent }) => sent },
    ],
  },
  {
    title: 'Requests',
    amount: perSecond,
    lines: [
      { label: 'all', color: '--line-1', of: ({ requests }) => requests },
      { label: 'refused', color: '--line-3', of: ({ refused }) => refused },
    ],
  },
  {
    title: 'Latency',
    amount: milli,
    lines: [
      { label: 'median', color: '--line-1', of: ({ p50 }) => p50 },
      { label: '99th percentile', color: '--line-2', of: ({ p99 }) => p99 },
    ],
  },
  {
    title: 'Event loop delay',
    amount: milli,
    lines: [{ label: '99th percentile', color: '--line-1', of: ({ loop }) => loop }],
  },
  {
    title: 'Memory',
    amount: bytes,
    isBytes: true,
    lines: [
      { label: 'process', color: '--line-1', of: ({ rss }) => rss },
      { label: 'heap', color: '--line-2', of: ({ heap }) => heap },
      { label: 'held for peers', color: '--line-3', of: ({ unsettled }) => unsettled },
    ],
  },
  {
    title: 'Connections',
    amount: count,
    lines: [{ label: 'open', color: '--line-1', of: ({ connections }) => connections }],
  },
];

/** The places of values without a neighbour: a line needs two. */
export function lonely(values: ArrayLike<number | null | undefined>): number[] {
  const isThere = (at: number): boolean => values[at] != null;
  return Array.from(values, (_, at) => at).filter(
    (at) => isThere(at) && !isThere(at - 1) && !isThere(at + 1),
  );
}

/** What a chart shows, in a sentence for each line. */
export function chartInWords({ lines, amount }: ChartSpec, points: readonly Point[]): string {
  return lines
    .map(({ label, of }) => {
      const values = points.map(of).filter((value) => value !== null);
      const last = values.at(-1);
      if (last === undefined) return `${label}: nothing yet.`;
      // Not by arguments: there may be hundreds.
      const most = values.reduce((a, b) => Math.max(a, b));
      return `${label}: ${amount(last)} now, ${amount(most)} at most.`;
    })
    .join(' ');
}
