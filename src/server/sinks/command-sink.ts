/** A sink that runs a command for each event, with the event on its standard input. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { ChangeEvent } from '../../store/changes/change-log.ts';
import { cloudEvent } from './cloud-event.ts';
import { DELIVERED, type DeliveryAnswer, type EventSink, failed } from './sink.ts';

export interface CommandOptions {
  readonly name: string;
  /** The program and its arguments. No shell reads them. */
  readonly command: readonly [string, ...string[]];
  /** Milliseconds that it may run; default 30,000. Then it is killed, with the processes that it started. */
  readonly timeoutMs?: number;
  /** Commands at once; default 1. */
  readonly concurrency?: number;
}

const TIMEOUT_MS = 30_000;
/** Characters of what it writes to stderr that are kept, for the reason why it failed. */
const STDERR_MAX = 1000;
/** `EX_DATAERR` of `sysexits.h`: the event itself is wrong, and will be later. */
const REFUSED_STATUS = 65;

export function commandSink({
  name,
  command,
  timeoutMs = TIMEOUT_MS,
  concurrency = 1,
}: CommandOptions): EventSink {
  return {
    name,
    concurrency,
    deliver: (event, signal) => runCommand(command, event, timeoutMs, signal),
  };
}

function runCommand(
  [program, ...given]: readonly [string, ...string[]],
  event: ChangeEvent,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<DeliveryAnswer> {
  return new Promise((resolve) => {
    // In a group of its own, so that it can be killed with what it started.
    const child = spawn(program, given, { stdio: ['pipe', 'ignore', 'pipe'], detached: true });
    let stderr = '';
    let isLate = false;
    const kill = () => killGroup(child);
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, timeoutMs);
    signal.addEventListener('abort', kill, { once: true });
    const end = (answer: DeliveryAnswer) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', kill);
      // A process that it left behind may have it open for ever.
      child.stderr.destroy();
      resolve(answer);
    };
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_MAX);
    });
    child.stderr.on('error', () => {});
    // A command need not read the event.
    child.stdin.on('error', () => {});
    child.stdin.end(`${cloudEvent(event)}\n`);
    child.on('error', (error) => end(failed(error.message)));
    child.on('exit', (status, killedBy) => {
      if (status === 0) return end(DELIVERED);
      const how = isLate
        ? `it ran for more than ${timeoutMs / 1000} s`
        : status === null
          ? `it was ended by ${killedBy}`
          : `it exited with ${status}`;
      const said = stderr.trim();
      const reason = said === '' ? how : `${how}: ${said}`;
      end(status === REFUSED_STATUS ? { type: 'refused', reason } : failed(reason));
    });
  });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
