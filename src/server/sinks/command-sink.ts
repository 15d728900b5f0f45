/** A sink that runs a command for each event, with the event on its standard input. */
import type { ChangeEvent } from '../../store/changes/change-log.ts';
import { cloudEvent } from './cloud-event.ts';
import { type ProgramCommand, runProgram } from './run-program.ts';
import { DELIVERED, type DeliveryAnswer, type EventSink, failed } from './sink.ts';

export interface CommandOptions {
  readonly name: string;
  /** The program and its arguments. No shell reads them. */
  readonly command: ProgramCommand;
  /** Milliseconds that it may run; default 30,000. Then it is killed, with the processes that it started. */
  readonly timeoutMs?: number;
  /** Commands at once; default 1. */
  readonly concurrency?: number;
}

const TIMEOUT_MS = 30_000;
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

async function runCommand(
  command: ProgramCommand,
  event: ChangeEvent,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<DeliveryAnswer> {
  const { status, how, stderr } = await runProgram(command, `${cloudEvent(event)}\n`, timeoutMs, signal);
  if (status === 0) return DELIVERED;
  const said = stderr.trim();
  const reason = said === '' ? how : `${how}: ${said}`;
  return status === REFUSED_STATUS ? { type: 'refused', reason } : failed(reason);
}
