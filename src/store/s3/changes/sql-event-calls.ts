/** What can be asked of the events in PostgreSQL by whoever is connected to it, a node or not. */
import type { ChangeEvent, ChangeLogStatus, DeadLetter, SinkStatus } from '../../changes/change-log.ts';
import type { Outcome } from '../../contract.ts';
import { ok } from '../../outcome.ts';
import { answerOf } from '../engine-fault.ts';
import type { Database } from '../postgres/database.ts';
import type { ChangeStatements } from './change-statements.ts';

/** As in `ChangeLog`. What has no outcome rejects with an `EngineFault`. */
export interface SqlEventCalls {
  readonly read: (after: number, limit: number) => Promise<readonly ChangeEvent[]>;
  readonly move: (sink: string, sequence: number) => Promise<Outcome<void>>;
  readonly deadLetters: (sink: string) => Promise<readonly DeadLetter[]>;
  readonly revive: (sink: string, id?: string) => Promise<Outcome<number>>;
  readonly forget: (sink: string, id?: string) => Promise<Outcome<number>>;
  readonly status: () => Promise<Omit<ChangeLogStatus, 'fault'>>;
}

/** What an event counts, since its row has its names and an index. */
export const EVENT_BYTES = 1024;
/** Events that get their numbers at once. */
export const NUMBER_PAGE = 1000;

/** @param log the name of the log. */
export function sqlEventCalls(database: Database, statements: ChangeStatements, log: string): SqlEventCalls {
  const count = (statement: 'revive' | 'forget', sink: string, id: string | undefined) =>
    answerOf(async () => {
      const row = await database.row<{ count: number }>(statements[statement], [sink, id ?? null]);
      return ok(row?.count ?? 0);
    });
  return {
    read: async (after, limit) =>
      (await database.rows<EventRow>(statements.read, [after, limit])).map((row) => eventOf(log, row)),
    move: (sink, sequence) =>
      answerOf(async () => {
        await database.rows(statements.move, [sink, sequence]);
        return ok(undefined);
      }),
    deadLetters: async (sink) =>
      (await database.rows<Omit<DeadLetter, 'sink'>>(statements.letters, [sink])).map((row) => ({
        sink,
        ...row,
      })),
    revive: (sink, id) => count('revive', sink, id),
    forget: (sink, id) => count('forget', sink, id),
    status: async () => {
      await database.rows(statements.number, [NUMBER_PAGE]);
      const row = await database.row<StatusRow>(statements.status, []);
      if (row === undefined) throw new Error('the log has answered nothing');
      return statusOf(row);
    },
  };
}

interface EventRow {
  readonly sequence: number;
  readonly type: ChangeEvent['type'];
  readonly name: string;
  readonly from_name: string | null;
  readonly size: number;
  readonly crc32: number;
  readonly time: number;
}

const eventOf = (log: string, { from_name: from, ...row }: EventRow): ChangeEvent => ({
  id: `${log}-${row.sequence}`,
  ...row,
  ...(from !== null && { from }),
});

interface StatusRow {
  readonly last: number;
  readonly events: number;
  readonly max_events: number;
  readonly dropped: number;
  readonly sinks: readonly SinkStatus[] | null;
}

const statusOf = (row: StatusRow): Omit<ChangeLogStatus, 'fault'> => ({
  bytes: row.events * EVENT_BYTES,
  maxBytes: row.max_events * EVENT_BYTES,
  last: row.last,
  dropped: row.dropped,
  sinks: row.sinks ?? [],
});
