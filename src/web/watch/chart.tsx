/** A chart of the points, drawn by uPlot on a canvas; in words for whoever does not see it. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Point } from '../../files/protocol/watching.ts';
import { clock } from './amounts.ts';
import { type ChartSpec, chartInWords } from './charts.ts';
import { drawInTurn } from './draw-in-turn.ts';

const HEIGHT = 150;

export interface ChartProps {
  readonly spec: ChartSpec;
  readonly points: readonly Point[];
}

export function Chart({ spec, points }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const last = useRef(points);
  last.current = points;
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const make = (): void => {
      plot.current?.destroy();
      plot.current = createPlot(spec, box.current!, last.current);
    };
    const resized = new ResizeObserver(() => {
      plot.current?.setSize({ width: box.current!.clientWidth, height: HEIGHT });
    });
    make();
    resized.observe(box.current!);
    dark.addEventListener('change', make);
    return () => {
      dark.removeEventListener('change', make);
      resized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [spec]);
  useEffect(() => drawInTurn(() => plot.current?.setData(dataOf(spec, points))), [spec, points]);
  return (
    <figure class="chart">
      <figcaption>{spec.title}</figcaption>
      <p class="unseen">{chartInWords(spec, points)}</p>
      <div ref={box} class="chart-canvas" aria-hidden="true" />
    </figure>
  );
}

const dataOf = ({ lines }: ChartSpec, points: readonly Point[]): uPlot.AlignedData => [
  points.map(({ at }) => at / 1e3),
  ...lines.map(({ of }) => points.map(of)),
];

function createPlot(spec: ChartSpec, box: HTMLElement, points: readonly Point[]): uPlot {
  const style = getComputedStyle(box);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color('--faint'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  };
  const { amount, lines } = spec;
  return new uPlot(
    {
      width: box.clientWidth,
      height: HEIGHT,
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_, _min, most) => [0, Math.max(most * 1.1, Number.MIN_VALUE) || 1] } },
      axes: [
        { ...axis, values: (_, splits) => splits.map((at) => clock(at * 1e3)), space: 90 },
        { ...axis, values: (_, splits) => splits.map(amount), size: 80 },
      ],
      series: [
        { label: 'at', value: (_, at) => (at === null ? '' : clock(at * 1e3)) },
        ...lines.map((line) => ({
          label: line.label,
          stroke: color(line.color),
          width: 1.5,
          points: { show: false },
          value: (_: uPlot, value: number | null) => (value === null ? '' : amount(value)),
        })),
      ],
    },
    dataOf(spec, points),
    box,
  );
}
