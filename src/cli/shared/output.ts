/**
 * What a command prints: results on stdout, troubles on stderr.
 *
 * Lines are gathered for a turn of the event loop, so that ten thousand of them are a few writes. A reader that goes away
 * (`| head`) is no error: what is printed from then on is dropped, and `gone` says so to whoever works only to print.
 * Any other error of stdout (a disk that is full) ends the command: what it was to print is not there.
 */
import { systemWords } from '../../files/protocol/system-words.ts';
import { exitStatus } from './exit-status.ts';
import { exitEarly } from './signals.ts';
import { openStdout, type Sink } from './stdout.ts';

const QUEUED_BYTES_MAX = 64 * 1024;

export interface Output {
  readonly line: (text: string) => void;
  readonly json: (value: unknown) => void;
  /** Bytes as they are; resolves when they were taken. */
  readonly bytes: (chunk: Uint8Array) => Promise<void>;
  readonly error: (text: string) => void;
  /** Nobody reads stdout any more, or it cannot be written to. */
  readonly isClosed: () => boolean;
  /** Writes what was gathered. */
  readonly flush: () => void;
}

export interface OutputDeps {
  /** Where results go; default stdout. */
  readonly stdout?: (failed: (error: NodeJS.ErrnoException) => void) => Sink;
  /** Where troubles go; default stderr. */
  readonly stderr?: { readonly write: (text: string) => unknown };
  /** Called once, when stdout cannot be written to. Default: says why, and ends the process with status 1. */
  readonly onWriteFault?: (why: string) => void;
}

export function createOutput(deps: OutputDeps = {}): Output {
  const { stdout = openStdout, stderr = process.stderr } = deps;
  const { onWriteFault = (why: string) => exitFailed(error, why) } = deps;
  let lines = '';
  let closed = false;
  let scheduled = false;
  const sink = stdout((error) => {
    if (closed) return;
    closed = true;
    if (error.code !== 'EPIPE') onWriteFault(`stdout cannot be written to: ${inWords(error)}`);
  });

  function flush(): void {
    scheduled = false;
    const text = lines;
    lines = '';
    if (text !== '' && !closed) sink.write(text);
  }

  function line(text: string): void {
    lines += `${text}\n`;
    if (lines.length >= QUEUED_BYTES_MAX) flush();
    else if (!scheduled) {
      scheduled = true;
      setImmediate(flush);
    }
  }

  function error(text: string): void {
    flush();
    stderr.write(`sluice: ${text}\n`);
  }

  return {
    line,
    json: (value) => line(JSON.stringify(value)),
    bytes: (chunk) =>
      new Promise((resolve) => {
        if (closed) resolve();
        else sink.write(chunk, resolve);
      }),
    error,
    isClosed: () => closed,
    flush,
  };
}

function exitFailed(printError: (text: string) => void, why: string): never {
  printError(why);
  return exitEarly(exitStatus.failed);
}

const WRITE_FAULTS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left',
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'the file would be too large',
  EIO: 'the device has failed',
  EBADF: 'it is not open for writing',
};

function inWords(error: NodeJS.ErrnoException): string {
  const known = WRITE_FAULTS[error.code ?? ''];
  return known === undefined ? systemWords(error, 'write') : `${known} (${error.code})`;
}
