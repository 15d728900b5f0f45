/** A report for people: a bar a file and one for all, drawn on stderr by cli-progress. */

import { MultiBar, type SingleBar } from 'cli-progress';
import { plainCountOf } from '../../../base/units.ts';
import { printable } from '../../shared/format.ts';
import type { Output } from '../../shared/output.ts';
import { type BarColumns, type BarFacts, drawBar } from './draw-bar.ts';
import { createFileBar, type FileBar } from './file-bar.ts';
import { faultInLine, retryInWords, summaryInWords } from './line-report.ts';
import { createMeter, type Meter } from './meter.ts';
import type { Report, Transfer } from './report.ts';

/** Files of so many bytes and more get a bar of their own. Thousands of small ones share the total's bar. */
const BAR_BYTES_MIN = 4 * 1024 * 1024;
/** The most file bars at once; the oldest bars that are full make room. */
const BARS_MAX = 6;

/**
 * Control sequences of the terminal. cli-progress has the terminal cut lines, since bars fit. Messages must not be cut.
 * A message takes the place of the bars, which are drawn again below it.
 */
const [WRAPS, WRAPS_NOT, BELOW_GONE] = ['\x1b[?7h', '\x1b[?7l', '\x1b[J'];

interface BarsState {
  readonly bars: MultiBar;
  readonly output: Output;
  readonly meter: Meter;
  /** Files that have a bar, oldest first: at most `BARS_MAX`, and the unfinished ones. */
  readonly shown: Map<Transfer, FileBar>;
  /** How much there is to do. */
  expected: { readonly files: number; readonly bytes: number };
  /** Files that have arrived, and those that have failed. */
  files: number;
  failed: number;
  /** The columns that all bars share. */
  columns: BarColumns;
  /** What the bar of the total shows. */
  readonly total: () => BarFacts;
  /** Null before there is anything to show, and after the bars were stopped. */
  totalBar: SingleBar | null;
}

/** @param stream the terminal that the bars are drawn on. */
export function createBarReport(
  output: Output,
  verb: string,
  stream: NodeJS.WriteStream = process.stderr,
): Report {
  const state = createState(output, stream);
  const { meter, shown } = state;
  return {
    expect: (files, bytes) => expectMore(state, files, bytes),
    resumed: (transfer, from) => {
      meter.resumed(transfer, from);
      if (from > 0) {
        state.columns = { ...state.columns, from: true };
        show(state, transfer);
      }
      shown.get(transfer)?.resumed(from);
    },
    progress: (transfer, bytes, durable) => {
      show(state, transfer);
      meter.at(transfer, bytes);
      shown.get(transfer)?.at(bytes, durable);
    },
    done: (transfer) => {
      show(state, transfer);
      meter.arrived(transfer);
      state.files++;
      shown.get(transfer)?.end(verb);
    },
    failed: (transfer, failure) => {
      meter.failed(transfer);
      state.failed++;
      shown.get(transfer)?.end('failed');
      output.error(faultInLine(transfer, failure));
    },
    retry: (retry) => output.error(retryInWords(retry)),
    warn: (path, why) => output.error(`${printable(path)}: skipped, ${why}`),
    abandon: () => stop(state),
    end: (summary) => {
      stop(state);
      output.line(summaryInWords(summary));
    },
  };
}

function createState(output: Output, stream: NodeJS.WriteStream): BarsState {
  const state: BarsState = {
    bars: new MultiBar({
      format: (_, { maxWidth }, facts: () => BarFacts) => drawBar(facts(), maxWidth, state.columns),
      stream,
      hideCursor: true,
      // It would keep SIGINT from ending the process; see `abandon`.
      gracefulExit: false,
      // A message pushes the bars down: they must be drawn again although nothing in them has changed.
      forceRedraw: true,
    }),
    output,
    meter: createMeter(),
    shown: new Map(),
    expected: { files: 0, bytes: 0 },
    files: 0,
    failed: 0,
    columns: { label: 0, from: false },
    total: () => totalOf(state),
    totalBar: null,
  };
  return state;
}

function expectMore(state: BarsState, files: number, bytes: number): void {
  const { expected, columns } = state;
  state.expected = { files: expected.files + files, bytes: expected.bytes + bytes };
  state.columns = { ...columns, label: counterOf(state, state.expected.files).length };
}

/** @example '257/2000 files' */
const counterOf = ({ expected }: BarsState, files: number): string =>
  `${files}/${plainCountOf(expected.files, 'file')}`;

const totalOf = (state: BarsState): BarFacts => ({
  label: counterOf(state, state.files),
  counts: true,
  value: Math.min(state.meter.value(), state.expected.bytes),
  total: state.expected.bytes,
  lost: state.meter.lost(),
  rate: state.meter.rate(),
  // What has failed is not there: the bar ends short of its end, and says why.
  ...(state.failed > 0 && isOver(state) && { note: `${state.failed} failed` }),
});

const isOver = ({ files, failed, expected }: BarsState): boolean => files + failed >= expected.files;

/** Draws the total, and gives the file a bar of its own unless it is one of many small ones. */
function show(state: BarsState, transfer: Transfer): void {
  const { bars, output, shown, expected, total } = state;
  if (state.totalBar === null) {
    output.redirect((text) => printAbove(state, text));
    state.totalBar = bars.create(1, 0, total);
  }
  if (shown.has(transfer) || (transfer.size < BAR_BYTES_MIN && expected.files > BARS_MAX)) return;
  for (const [other, { isOver, bar }] of shown) {
    if (shown.size < BARS_MAX) break;
    if (!isOver) continue;
    bars.remove(bar);
    shown.delete(other);
  }
  // The total stays the last one.
  bars.remove(state.totalBar);
  shown.set(transfer, createFileBar(bars, transfer));
  state.totalBar = bars.create(1, 0, total);
}

function printAbove({ bars }: BarsState, text: string): void {
  bars.log(`${BELOW_GONE}${WRAPS}${text}\n${WRAPS_NOT}`);
}

function stop(state: BarsState): void {
  if (state.totalBar === null) return;
  // Without an update, `stop` would drop the messages since the bars were last drawn.
  state.bars.update();
  state.bars.stop();
  state.totalBar = null;
  state.output.redirect(null);
}
