/** Runs a program of the operator's, with a text on its standard input, for a bounded time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { messageOf } from '../../base/sluice-error.ts';

/** A program and its arguments. No shell reads them. */
export type ProgramCommand = readonly [string, ...string[]];

export interface ProgramRun {
  /** Null when it was ended by a signal, or could not be started. */
  readonly status: number | null;
  /** How it ended, in words: `it exited with 2`. */
  readonly how: string;
  /** The first characters of its standard output. */
  readonly stdout: string;
  /** The last characters of its standard error. */
  readonly stderr: string;
}

/** Characters that are kept of each. */
const TEXT_MAX = 1000;
/** Milliseconds after its end in which what it has written is read, when a process that it left behind may write on. */
const REST_MS = 100;

/**
 * Resolves when it has ended; never rejects.
 *
 * @param timeoutMs after which it is killed, with the processes that it started; also when `signal` is aborted.
 */
export function runProgram(
  [program, ...given]: ProgramCommand,
  input: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProgramRun> {
  return new Promise((resolve) => {
    const text = { stdout: '', stderr: '' };
    let child: ReturnType<typeof start>;
    try {
      child = start(program, given);
    } catch (thrown) {
      resolve({ status: null, how: messageOf(thrown), ...text });
      return;
    }
    let isLate = false;
    const kill = () => killGroup(child);
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, timeoutMs);
    signal.addEventListener('abort', kill, { once: true });
    if (signal.aborted) kill();
    // Once: whoever ends it first.
    const end = (status: number | null, how: string) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', kill);
      // A process that it left behind may have them open for ever.
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve({ status, how, ...text });
    };
    child.on('error', (error) => end(null, error.message));
    // It could not be started: without free descriptors there are not even streams.
    if (child.pid === undefined) return;
    child.stdout.setEncoding('utf8').on('data', (some: string) => {
      text.stdout = (text.stdout + some).slice(0, TEXT_MAX);
    });
    child.stderr.setEncoding('utf8').on('data', (some: string) => {
      text.stderr = (text.stderr + some).slice(-TEXT_MAX);
    });
    for (const stream of [child.stdin, child.stdout, child.stderr]) {
      // A program need not read what it gets.
      stream.on('error', () => {});
    }
    child.stdin.end(input);
    let over = () => {};
    child.on('close', () => over());
    child.on('exit', (status, killedBy) => {
      const how = isLate
        ? `it ran for more than ${timeoutMs / 1000} s`
        : status === null
          ? `it was ended by ${killedBy}`
          : `it exited with ${status}`;
      over = () => end(status, how);
      setTimeout(over, REST_MS).unref();
    });
  });
}

/** In a group of its own, so that it can be killed with what it started. */
const start = (program: string, given: readonly string[]) =>
  spawn(program, given, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
