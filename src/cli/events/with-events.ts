/** Reaches the events of a folder for a command. */
import { type EventsControl, openEventsControl } from '../../server/sinks/control-client.ts';
import type { SinkStatus } from '../../store/changes/change-log.ts';
import type { Outcome } from '../../store/contract.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';

/** Throws an `ExitError` when there are none. */
export async function withEvents<T>(dir: string, act: (events: EventsControl) => Promise<T>): Promise<T> {
  const events = answerOf(dir, await openEventsControl(dir));
  try {
    return await act(events);
  } finally {
    await events[Symbol.asyncDispose]();
  }
}

export function answerOf<T>(what: string, outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw exitError(exitStatus.failed, `${printable(what)}: ${printable(outcome.error.message)}`);
}

/** The state of a sink. Throws an `ExitError` when there is none of that name. */
export async function sinkNamed(events: EventsControl, name: string): Promise<SinkStatus> {
  const { sinks } = await events.status();
  const found = sinks.find(({ sink }) => sink === name);
  if (found !== undefined) return found;
  const names = sinks.map(({ sink }) => sink).join(', ');
  throw usageError(
    `nobody called ${printable(name)} gets events${names === '' ? '' : `; there is ${names}`}`,
  );
}
