/**
 * The output of a command: results on stdout, errors on stderr.
 *
 * Lines are gathered for a turn of the event loop, so that ten thousand of them are a few writes. A reader that goes
 * away (`| head`) is no error: later lines are dropped, and `isClosed` lets a command that only prints stop early. Any
 * other error of stdout (a full disk) ends the command, because its output is lost.
 */
import { systemWords } from '../../files/protocol/system-words.ts';
import { exitStatus } from './exit-status.ts';
import { exitEarly } from './signals.ts';
import { openStdout, type Sink } from './stdout.ts';

const QUEUED_BYTES_MAX = 64 * 1024;

export interface Output {
  readonly line: (text: string) => void;
  readonly json: (value: unknown) => void;
  /** Writes bytes as they are. Resolves when stdout has taken them. */
  readonly bytes: (chunk: Uint8Array) => Promise<void>;
  readonly error: (text: string) => void;
  /** Whether the reader of stdout has gone away, or stdout cannot be written to. */
  readonly isClosed: () => boolean;
  /** Writes the lines gathered so far. */
  readonly flush: () => void;
  /** Hands lines, and errors, to what draws on the terminal: it knows what stands there. Null ends that. */
  readonly redirect: (to: ((text: string) => void) | null) => void;
}

export interface OutputDeps {
  /** Where results go; default stdout. */
  readonly stdout?: (failed: (error: NodeJS.ErrnoException) => void) => Sink;
  /** Where errors go; default stderr. */
  readonly stderr?: { readonly write: (text: string) => unknown };
  /** Called once, when stdout cannot be written to. Default: prints why, and ends the process with status 1. */
  readonly onWriteFault?: (why: string) => void;
}

export function createOutput(deps: OutputDeps = {}): Output {
  const { stdout = openStdout, stderr = process.stderr } = deps;
  const { onWriteFault = (why: string) => exitFailed(error, why) } = deps;
  let lines = '';
  let closed = false;
  let scheduled = false;
  let elsewhere: ((text: string) => void) | null = null;
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
    if (elsewhere !== null) return elsewhere(text);
    lines += `${text}\n`;
    if (lines.length >= QUEUED_BYTES_MAX) flush();
    else if (!scheduled) {
      scheduled = true;
      setImmediate(flush);
    }
  }

  function error(text: string): void {
    const said = `sluice: ${text}`;
    if (elsewhere !== null) return elsewhere(said);
    flush();
    stderr.write(`${said}\n`);
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
    redirect: (to) => {
      flush();
      elsewhere = to;
    },
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
