/** A report for people: a bar a file and one for all, drawn on stderr by cli-progress. */

import { MultiBar, type SingleBar } from 'cli-progress';
import { plainCountOf } from '../../base/units.ts';
import { createSpeed } from '../../client/transfers/speed.ts';
import { printable } from '../shared/format.ts';
import type { Output } from '../shared/output.ts';
import { type BarColumns, type BarFacts, drawBar } from './draw-bar.ts';
import { createMeter } from './meter.ts';
import type { Report, Transfer } from './report.ts';
import { faultInLine, retryInWords, summaryInWords } from './report-lines.ts';

/** Files of so many bytes and more get a bar of their own. Thousands of small ones share the total's bar. */
const BAR_BYTES_MIN = 4 * 1024 * 1024;
/** The most file bars at once; the oldest bars that are full make room. */
const BARS_MAX = 6;

/**
 * Control sequences of the terminal. cli-progress has the terminal cut lines, since bars fit. Messages must not be cut.
 * A message takes the place of the bars, which are drawn again below it.
 */
const [WRAPS, WRAPS_NOT, BELOW_GONE] = ['\x1b[?7h', '\x1b[?7l', '\x1b[J'];

/** @param stream the terminal that the bars are drawn on. */
export function barReport(output: Output, verb: string, stream: NodeJS.WriteStream = process.stderr): Report {
  const bars = new MultiBar({
    format: (_, { maxWidth }, facts: () => BarFacts) => drawBar(facts(), maxWidth, common),
    stream,
    hideCursor: true,
    // It would keep SIGINT from ending the process; see `abandon`.
    gracefulExit: false,
    // A message pushes the bars down: they must be drawn again although nothing in them has changed.
    forceRedraw: true,
  });
  const meter = createMeter();
  /** Files that have a bar, oldest first: at most `BARS_MAX`, and the unfinished ones. */
  const shown = new Map<Transfer, FileBar>();
  let expected = { files: 0, bytes: 0 };
  let files = 0;
  let common: BarColumns = { label: 0, from: false };

  const counter = (files: number) => `${files}/${plainCountOf(expected.files, 'file')}`;
  const total = (): BarFacts => ({
    label: counter(files),
    counts: true,
    value: Math.min(meter.value(), expected.bytes),
    total: expected.bytes,
    rate: meter.rate(),
  });
  /** Null before there is anything to show, and after the bars were stopped. */
  let totalBar: SingleBar | null = null;

  function stop(): void {
    if (totalBar === null) return;
    // Without an update, `stop` would drop the messages since the bars were last drawn.
    bars.update();
    bars.stop();
    totalBar = null;
  }

  function print(text: string): void {
    if (totalBar === null) output.error(text);
    else bars.log(`${BELOW_GONE}${WRAPS}sluice: ${text}\n${WRAPS_NOT}`);
  }

  function show(transfer: Transfer): void {
    totalBar ??= bars.create(1, 0, total);
    if (shown.has(transfer) || (transfer.size < BAR_BYTES_MIN && expected.files > BARS_MAX)) return;
    for (const [other, { isOver, bar }] of shown) {
      if (shown.size < BARS_MAX) break;
      if (!isOver) continue;
      bars.remove(bar);
      shown.delete(other);
    }
    // The total stays the last one.
    bars.remove(totalBar);
    shown.set(transfer, fileBar(bars, transfer));
    totalBar = bars.create(1, 0, total);
  }

  function finish(transfer: Transfer, note: string): void {
    files++;
    shown.get(transfer)?.end(note);
  }

  return {
    expect: (files, bytes) => {
      expected = { files: expected.files + files, bytes: expected.bytes + bytes };
      common = { ...common, label: counter(expected.files).length };
    },
    resumed: (transfer, from) => {
      meter.resumed(transfer, from);
      if (from > 0) {
        common = { ...common, from: true };
        show(transfer);
      }
      shown.get(transfer)?.resumed(from);
    },
    progress: (transfer, bytes, durable) => {
      show(transfer);
      meter.at(transfer, bytes);
      shown.get(transfer)?.at(bytes, durable);
    },
    done: (transfer) => {
      show(transfer);
      meter.arrived(transfer);
      finish(transfer, verb);
    },
    failed: (transfer, failure) => {
      meter.failed(transfer);
      finish(transfer, 'failed');
      print(faultInLine(transfer, failure));
    },
    retry: (retry) => print(retryInWords(retry)),
    warn: (path, why) => print(`${printable(path)}: skipped, ${why}`),
    abandon: stop,
    end: (summary) => {
      stop();
      output.line(summaryInWords(summary));
    },
  };
}

interface FileBar {
  readonly bar: SingleBar;
  readonly isOver: boolean;
  readonly resumed: (from: number) => void;
  readonly at: (bytes: number, durable?: number) => void;
  readonly end: (note: string) => void;
}

function fileBar(bars: MultiBar, { filename, size }: Transfer): FileBar {
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
