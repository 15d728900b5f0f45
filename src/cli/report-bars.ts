/** A report for people: a bar a file and one for all, drawn on stderr by cli-progress. */
import { MultiBar, type SingleBar } from 'cli-progress';
import { createSpeed } from '../client/speed.ts';
import type { Output } from './output.ts';
import type { Report } from './report.ts';
import { retryInWords, summaryInWords } from './report-lines.ts';
import type { Transfer } from './transfer.ts';
import { bytesInWords, filesInWords, fitted, ofName, printable, secondsInWords } from './words.ts';

/** Bytes from which on a file gets a bar of its own, so that thousands of small ones share the total's. */
const big = 4 * 1024 * 1024;
/** Bars of files that are shown at once; the oldest ones that are full make room. */
const mostBars = 6;
/** Columns of a bar itself. */
const barColumns = 24;

export interface BarFacts {
  readonly label: string;
  readonly value: number;
  /** How much of it is durable on the other side, where that is told. */
  readonly durable?: number | undefined;
  readonly total: number;
  /** Bytes a second. */
  readonly rate: number;
  /** Said instead of rate and time left. */
  readonly note?: string;
}

/** One bar as text, no wider than `columns`. */
export function drawBar(
  { label, value, durable = value, total, rate, note }: BarFacts,
  columns: number,
): string {
  const share = total > 0 ? Math.min(value / total, 1) : 1;
  const full = Math.round(share * barColumns);
  // What is sent and not durable yet is lighter.
  const firm = total > 0 ? Math.min(Math.round((durable / total) * barColumns), full) : full;
  const bar = '█'.repeat(firm) + '▓'.repeat(full - firm) + '░'.repeat(barColumns - full);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const pace = `${bytesInWords(rate)}/s, ${secondsInWords((total - value) / rate)} left`;
  const end = ` ${bar} ${percent} ${bytesInWords(value).padStart(8)} ${note ?? pace}`;
  return fitted(label, Math.max(Math.min(columns - 30 - barColumns - 14, 40), 8)) + end;
}

export function barReport(output: Output, verb: string): Report {
  const bars = new MultiBar({
    format: (_, { maxWidth }, facts: () => BarFacts) => drawBar(facts(), maxWidth),
    stream: process.stderr,
    hideCursor: true,
    // It would keep SIGINT from ending the process; see `abandon`.
    gracefulExit: false,
    // What is logged pushes the bars down: they have to be drawn again though nothing in them changed.
    forceRedraw: true,
  });
  const speed = createSpeed();
  /** Files that have a bar, oldest first: at most `mostBars`, and those under way. */
  const shown = new Map<Transfer, FileBar>();
  let expected = { files: 0, bytes: 0 };
  let files = 0;
  /** Bytes of the files that are over, and of all that are under way. */
  let settled = 0;
  const underWay = new Map<Transfer, number>();

  const total = (): BarFacts => {
    const value = Math.min(sum(underWay.values(), settled), expected.bytes);
    speed.at(value);
    const label = `${files}/${filesInWords(expected.files)}`;
    return { label, value, total: expected.bytes, rate: speed.rate() };
  };
  /** Absent before there is anything to show, and once the bars have been given up. */
  let totalBar: SingleBar | null = null;

  function stop(): void {
    if (totalBar === null) return;
    // Stopping alone would drop what was told since the last time they were drawn.
    bars.update();
    bars.stop();
    totalBar = null;
  }

  function tell(text: string): void {
    if (totalBar === null) output.trouble(text);
    else bars.log(`sluice: ${text}\n`);
  }

  function show(transfer: Transfer): void {
    totalBar ??= bars.create(1, 0, total);
    if (shown.has(transfer) || (transfer.size < big && expected.files > mostBars)) return;
    for (const [other, { over, bar }] of shown) {
      if (shown.size < mostBars) break;
      if (!over) continue;
      bars.remove(bar);
      shown.delete(other);
    }
    // The total stays the last one.
    bars.remove(totalBar);
    shown.set(transfer, fileBar(bars, transfer));
    totalBar = bars.create(1, 0, total);
  }

  function finish(transfer: Transfer, note: string, bytes: number): void {
    underWay.delete(transfer);
    files++;
    settled += bytes;
    shown.get(transfer)?.end(note);
  }

  return {
    expect: (files, bytes) => {
      expected = { files: expected.files + files, bytes: expected.bytes + bytes };
    },
    progress: (transfer, bytes, durable) => {
      show(transfer);
      underWay.set(transfer, bytes);
      shown.get(transfer)?.at(bytes, durable);
    },
    done: (transfer) => {
      show(transfer);
      finish(transfer, verb, transfer.size);
    },
    failed: (transfer, { message }) => {
      finish(transfer, 'failed', transfer.size);
      tell(ofName(transfer.path === '' ? transfer.filename : transfer.path, message));
    },
    retry: (retry) => tell(retryInWords(retry)),
    warn: (path, why) => tell(`${printable(path)}: skipped, ${why}`),
    abandon: stop,
    end: (summary) => {
      stop();
      output.line(summaryInWords(summary));
    },
  };
}

interface FileBar {
  readonly bar: SingleBar;
  readonly over: boolean;
  readonly at: (bytes: number, durable?: number) => void;
  readonly end: (note: string) => void;
}

function fileBar(bars: MultiBar, { filename, size }: Transfer): FileBar {
  const speed = createSpeed();
  let value = 0;
  let note: string | undefined;
  let firm: number | undefined;
  const facts = (): BarFacts => {
    const waiting = note === undefined && value === size ? 'waiting for the other side' : note;
    return {
      label: printable(filename),
      value,
      durable: firm,
      total: size,
      rate: speed.rate(),
      ...(waiting === undefined ? {} : { note: waiting }),
    };
  };
  const bar = bars.create(1, 0, facts);
  return {
    bar,
    get over() {
      return note !== undefined;
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

function sum(values: Iterable<number>, from: number): number {
  let all = from;
  for (const value of values) all += value;
  return all;
}
