/** A chart of the points, drawn by uPlot on a canvas; in words for whoever does not see it. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Point } from '../../files/protocol/watching.ts';
import { clock } from './amounts.ts';
import { type ChartSpec, chartInWords, lonely } from './charts.ts';
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
    // Kept here, since what is observed may be told once more behind the last drawing.
    const element = box.current!;
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const make = (): void => {
      plot.current?.destroy();
      plot.current = createPlot(spec, element, last.current);
    };
    const resized = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    make();
    resized.observe(element);
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

/** Steps of a scale of bytes. */
const POWERS_OF_TWO = Array.from({ length: 50 }, (_, power) => 2 ** power);

function createPlot(spec: ChartSpec, box: HTMLElement, points: readonly Point[]): uPlot {
  const style = getComputedStyle(box);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color('--faint'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  };
  const { amount, lines, isBytes } = spec;
  /** Under the pointer; or the last one, where there is none. */
  const shown = (plot: uPlot, value: number | null, series: number, at: number | null): string => {
    const one = at === null ? plot.data[series]?.at(-1) : value;
    return one == null ? '–' : amount(one);
  };
  return new uPlot(
    {
      width: box.clientWidth,
      height: HEIGHT,
      // Half of a time, which may be below the last point.
      padding: [null, 40, null, null],
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
      axes: [
        { ...axis, values: (_, splits) => splits.map((at) => clock(at * 1e3)), space: 90, size: 26 },
        {
          ...axis,
          values: (_, splits) => splits.map(amount),
          size: 80,
          ...(isBytes && { incrs: POWERS_OF_TWO }),
        },
      ],
      series: [
        {},
        ...lines.map((line) => ({
          label: line.label,
          stroke: color(line.color),
          width: 1.5,
          value: shown,
          points: {
            show: false,
            size: 4,
            filter: (plot: uPlot, series: number) => lonely(plot.data[series]!),
          },
        })),
      ],
    },
    dataOf(spec, points),
    box,
  );
}
