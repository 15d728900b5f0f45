/** The bar of one file. */
import type { MultiBar, SingleBar } from 'cli-progress';
import { createSpeed } from '../../../client/transfers/speed.ts';
import { printable } from '../../shared/format.ts';
import type { BarFacts } from './draw-bar.ts';
import type { Transfer } from './report.ts';

export interface FileBar {
  readonly bar: SingleBar;
  readonly isOver: boolean;
  readonly resumed: (from: number) => void;
  readonly at: (bytes: number, durable?: number) => void;
  readonly end: (note: string) => void;
}

export function createFileBar(bars: MultiBar, { filename, size }: Transfer): FileBar {
  const speed = createSpeed();
  let value = 0;
  let note: string | undefined;
  let firm: number | undefined;
  let from = 0;
  const facts = (): BarFacts => {
    const waiting = note === undefined && value === size ? 'waiting for the other side' : note;
    return {
      label: printable(filename),
      value,
      durable: firm,
      total: size,
      rate: speed.rate(),
      from,
      ...(waiting === undefined ? {} : { note: waiting }),
    };
  };
  const bar = bars.create(1, 0, facts);
  return {
    bar,
    get isOver() {
      return note !== undefined;
    },
    resumed: (bytes) => {
      from = bytes;
      value = bytes;
      speed.from(bytes);
    },
    at: (bytes, durable) => {
      value = bytes;
      firm = durable;
      speed.at(bytes);
    },
    end: (how) => {
      note = how;
      firm = undefined;
      if (how !== 'failed') value = size;
    },
  };
}
