/** Reaches the events of a folder for a command. */
import { StateError } from '../../base/sluice-error.ts';
import { type EventsControl, openEventsControl } from '../../server/sinks/control-client.ts';
import type { SinkStatus } from '../../store/changes/change-log.ts';
import type { Outcome } from '../../store/contract.ts';
import { isSchemaName } from '../../store/s3/schema/schema-name.ts';
import { hasPassword, isPostgresUrl, withoutPassword } from '../settings/engine-urls.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';

/** Where events are: in a folder, or in the database of a store of many nodes. */
export interface EventsPlace {
  readonly dir: string;
  readonly postgresSchema: string;
}

/** Throws an `ExitError` when there are none. */
export async function withEvents<T>(
  { dir, postgresSchema }: EventsPlace,
  act: (events: EventsControl) => Promise<T>,
): Promise<T> {
  const events = isPostgresUrl(dir)
    ? await openDatabase(dir, postgresSchema)
    : answerOf(dir, await openEventsControl(dir));
  try {
    return await act(events);
  } catch (thrown) {
    if (!(thrown instanceof StateError && thrown.code === 'closed')) throw thrown;
    const what = events.isGivenUp ? 'does not answer' : 'has ended';
    throw exitError(exitStatus.connection, `the server that had ${printable(dir)} open ${what}`);
  } finally {
    await events[Symbol.asyncDispose]();
  }
}

async function openDatabase(url: string, schema: string): Promise<EventsControl> {
  if (hasPassword(url))
    throw usageError(
      'an address with a password could be seen in the list of processes: set PGPASSWORD or PGPASSFILE instead',
    );
  if (!isSchemaName(schema))
    throw usageError(`--postgres-schema ${printable(schema)} is no name of a schema`);
  const { openSqlEventsControl } = await loadSql();
  return answerOf(withoutPassword(url), await openSqlEventsControl(url, schema));
}

async function loadSql(): Promise<typeof import('../../store/s3/changes/sql-events-control.ts')> {
  try {
    return await import('../../store/s3/changes/sql-events-control.ts');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw thrown;
    throw exitError(exitStatus.failed, 'the events of a database need a package more: npm install pg');
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
