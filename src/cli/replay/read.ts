/** Opens the capture of a command, with a bar for the progress, and explains its errors. */
import { statSync } from 'node:fs';
import { MultiBar } from 'cli-progress';
import type { Capture } from '../../capture/capture.ts';
import { isCaptureFault } from '../../capture/capture-fault.ts';
import { captureFile } from '../../capture/capture-file.ts';
import { unreadInWords } from '../../capture/inspect/words.ts';
import { readStreams } from '../../capture/read-streams.ts';
import type { PacketsUnread } from '../../capture/stream-event.ts';
import { createSpeed } from '../../client/transfers/speed.ts';
import { type ExitError, exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import type { Output } from '../shared/output.ts';
import { drawBar } from '../transfer/report/draw-bar.ts';

export interface CaptureInput {
  readonly capture: Capture;
  /** Prints a line, above the bar if there is one. */
  readonly line: (text: string) => void;
  /** Removes the bar. */
  readonly end: () => void;
}

/** @param bar draws on a terminal how much of the file was read. A pipe has no bar, as its length is not known. */
export function openCapture(file: string, output: Output, bar: boolean): CaptureInput {
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
    // Reading the file will report the error.
    return null;
  }
}

/** Makes an `ExitError` of a `CaptureError`, and returns anything else as it is. */
export const captureExitError = (thrown: unknown): ExitError | unknown =>
  isCaptureFault(thrown) ? exitError(exitStatus.failed, printable(thrown.message)) : thrown;

/** How messages name what was read: a file, or the first of several and how many more. */
export function nameOf([file, ...others]: readonly string[]): string {
  const first = file === '-' ? 'standard input' : printable(file!);
  if (others.length === 0) return first;
  return `${first} and ${others.length === 1 ? printable(others[0]!) : `${others.length} more`}`;
}

/** Says what shows the conversations; nothing for what can be read only once. */
const listedBy = (files: readonly string[]): string =>
  files.includes('-') ? '' : `; sluice inspect ${files.map(printable).join(' ')} --list shows what there is`;

/** The error for a capture without a conversation that `--only` means. @param inRange says in which time, if not in all. */
export function noneOf(
  files: readonly string[],
  only: readonly (number | string)[],
  inRange = '',
): ExitError {
  const which = only.map((one) => printable(String(one))).join(', ');
  return exitError(
    exitStatus.failed,
    `${nameOf(files)} has no conversation${inRange} that --only ${which} means (a number, an address, a host or a :PORT)${listedBy(files)}`,
  );
}

/** The error for a capture without the conversation of a number. */
export const noConversation = (files: readonly string[], index: number): ExitError =>
  exitError(exitStatus.failed, `${nameOf(files)} has no conversation ${index}${listedBy(files)}`);

/** The most reasons in the error. */
const REASONS_SHOWN = 3;

/** The error for a capture without any conversation. Its message names the packets that the capture has instead. */
export function noConnection(files: readonly string[], unread: PacketsUnread | null): ExitError {
  const instead =
    unread === null
      ? ': it has no packets'
      : `; what it has is not read: ${unreadInWords(unread, REASONS_SHOWN).join('; ')}`;
  return exitError(exitStatus.failed, `${nameOf(files)} has no TCP connection${instead}`);
}

/** The same error when the unread packets are not known: reads the capture again, unless it can be read only once. */
export async function nothingFound(
  file: string,
  only: readonly (number | string)[] | undefined,
): Promise<ExitError> {
  if (only !== undefined) return noneOf([file], only);
  if (sizeOf(file) !== null) {
    let unread: PacketsUnread | null = null;
    for await (const events of readStreams(captureFile(file, { reuse: true }))) {
      const last = events.at(-1);
      if (last?.type === 'unread') unread = last;
    }
    return noConnection([file], unread);
  }
  const words = 'has no TCP connection; what it has instead, "sluice inspect -" tells';
  return exitError(exitStatus.failed, `${nameOf([file])} ${words}`);
}
