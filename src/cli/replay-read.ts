/** A capture as a command reads it: how far it is, what it was found to have, and what is wrong with it. */
import { statSync } from 'node:fs';
import { MultiBar } from 'cli-progress';
import type { Capture } from '../capture/capture.ts';
import { isCaptureFault } from '../capture/capture-fault.ts';
import { captureFile } from '../capture/capture-file.ts';
import { createSpeed } from '../client/speed.ts';
import { drawBar } from './draw-bar.ts';
import { exitStatus } from './exit-status.ts';
import type { Output } from './output.ts';
import { type Stop, stop } from './stop.ts';
import { printable } from './words.ts';

export interface Reading {
  readonly capture: Capture;
  /** Prints a line, above the bar if there is one. */
  readonly line: (text: string) => void;
  /** Takes the bar away. */
  readonly end: () => void;
}

/** @param bar draws on a terminal how much of the file was read; of a pipe it is not known how much there is. */
export function readingOf(file: string, output: Output, bar: boolean): Reading {
  const capture = captureFile(file);
  const size = bar && process.stderr.isTTY && process.stdout.isTTY ? sizeOf(file) : null;
  if (size === null) return { capture, line: output.line, end: () => {} };
  const bars = new MultiBar({
    format: (_, { maxWidth }) =>
      drawBar({ label: printable(file), value: read, total: size, rate: speed.rate() }, maxWidth),
    stream: process.stderr,
    hideCursor: true,
    gracefulExit: false,
    forceRedraw: true,
  });
  const speed = createSpeed();
  let read = 0;
  let drawn = true;
  bars.create(1, 0, {});
  return {
    capture: {
      name: capture.name,
      async *blocks() {
        for await (const block of capture.blocks()) {
          read = Math.min(read + block.length, size);
          speed.at(read);
          yield block;
        }
      },
    },
    line: (text) => {
      if (drawn) bars.log(`${text}\n`);
      else output.line(text);
    },
    end() {
      if (!drawn) return;
      drawn = false;
      bars.update();
      bars.stop();
    },
  };
}

function sizeOf(file: string): number | null {
  try {
    const found = statSync(file);
    return found.isFile() ? found.size : null;
  } catch {
    // The reading will say what is wrong.
    return null;
  }
}

/** What a command says of a capture that cannot be read to its end; anything else as it is. */
export const stopForCapture = (thrown: unknown): Stop | unknown =>
  isCaptureFault(thrown) ? stop(exitStatus.failed, printable(thrown.message)) : thrown;

/** What a command says of a capture that has no conversation it was to take. */
export function nothingFound(file: string, only: readonly (number | string)[] | undefined): Stop {
  const name = file === '-' ? 'standard input' : printable(file);
  const which = only?.map((one) => printable(String(one))).join(', ');
  const inspect = file === '-' ? '' : `; sluice inspect ${name} lists what there is`;
  const none =
    which === undefined
      ? 'has no TCP connection'
      : `has no conversation that --only ${which} means (a number, an address, a host or a :PORT)`;
  return stop(exitStatus.failed, `${name} ${none}${inspect}`);
}
