/** The events in PostgreSQL for an operator, who is no node: whether one delivers them or not. */
import { setTimeout as wait } from 'node:timers/promises';
import type { ChangeEvent, ChangeLogStatus } from '../../changes/change-log.ts';
import type { Outcome } from '../../contract.ts';
import { err, ok } from '../../outcome.ts';
import { answerOf } from '../engine-fault.ts';
import { connectDatabase, type Database } from '../postgres/database.ts';
import { changeStatementsOf } from './change-statements.ts';
import { type SqlEventCalls, sqlEventCalls } from './sql-event-calls.ts';

export interface SqlEventsControl extends Omit<SqlEventCalls, 'status'>, AsyncDisposable {
  readonly isServed: true;
  readonly isGivenUp: false;
  readonly status: () => Promise<ChangeLogStatus>;
  /** Events after a `sequence`, once there are some. */
  readonly follow: (after: number) => Promise<readonly ChangeEvent[]>;
}

/** Milliseconds in which a call is tried again. */
const PATIENCE_MS = 5_000;
/** Milliseconds between two looks for new events. */
const LOOK_MS = 500;
const FOLLOW_PAGE = 500;

/** @param schema a checked identifier. */
export async function openSqlEventsControl(url: string, schema: string): Promise<Outcome<SqlEventsControl>> {
  const ending = new AbortController();
  const patience = { forMs: PATIENCE_MS, signal: ending.signal };
  const database = connectDatabase({ url, schema, poolSize: 1 }, patience, Date.now);
  const close = async () => {
    ending.abort();
    await database.close();
  };
  const statements = changeStatementsOf(schema);
  const named = await answerOf(() => nameOf(database, schema));
  if (!named.ok) {
    await close();
    return named;
  }
  const { status, ...calls } = sqlEventCalls(database, statements, named.value);
  return ok({
    ...calls,
    isServed: true,
    isGivenUp: false,
    status: async () => ({ ...(await status()), fault: null }),
    follow: async (after) => {
      for (;;) {
        // It numbers those that are new, where no node does.
        await status();
        const page = await calls.read(after, FOLLOW_PAGE);
        if (page.length > 0) return page;
        await wait(LOOK_MS);
      }
    },
    [Symbol.asyncDispose]: close,
  });

  /** Refused with `not-found` where the database has no such log. */
  async function nameOf(database: Database, schema: string): Promise<Outcome<string>> {
    const exists = { name: 'has_changes', text: 'select to_regclass($1) is not null as exists' };
    const found = await database.row<{ exists: boolean }>(exists, [`${schema}.change_log`]);
    if (found?.exists !== true)
      return err(
        'not-found',
        `the schema ${schema} of the database keeps no events: no store has made it yet`,
      );
    const row = await database.row<{ name: string }>(statements.name, []);
    return ok(row?.name ?? '');
  }
}
