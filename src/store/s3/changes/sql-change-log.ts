/** The log of changes of a store over S3 and PostgreSQL, as one of its nodes has it open. */
import { setTimeout as wait } from 'node:timers/promises';
import type { ChangeFeed, ChangeLogStatus } from '../../changes/change-log.ts';
import { err, ok } from '../../outcome.ts';
import { answerOf } from '../engine-fault.ts';
import type { Database } from '../postgres/database.ts';
import { changeStatementsOf } from './change-statements.ts';
import { holdSinks } from './held-sinks.ts';
import type { S3ChangesOptions } from './s3-changes-options.ts';
import { EVENT_BYTES, NUMBER_PAGE, sqlEventCalls } from './sql-event-calls.ts';

/** What the store does with its log. */
export interface SqlChangeLog {
  readonly feed: ChangeFeed;
  /** This node has changed something. */
  changed(): void;
  /** Another node has said this word. */
  told(word: string): void;
  close(): Promise<void>;
}

export interface SqlChangeLogDeps {
  readonly database: Database;
  readonly schema: string;
  /** The id of this node. */
  readonly node: string;
}

/** The words by which nodes tell each other of events, and of sinks that were moved or are free. */
const CHANGED = 'changed';
const MOVED = 'moved';
const MiB = 1024 ** 2;
const MAX_BYTES = 64 * MiB;
const HOLD_MS = 15_000;
/** Milliseconds between two looks for events of which nobody has told. */
const POLL_MS = 1000;
/** Milliseconds in which a node tells of its changes only once. */
const TELL_MS = 50;
/** Milliseconds after which the numbers are those of before. */
const STATUS_MS = 1500;

/** @throws an `EngineFault`. */
export async function openSqlChangeLog(
  { database, schema, node }: SqlChangeLogDeps,
  { sinks, maxBytes = MAX_BYTES, whenFull = 'refuse', holdMs = HOLD_MS }: S3ChangesOptions,
): Promise<SqlChangeLog> {
  const statements = changeStatementsOf(schema);
  const maxEvents = Math.ceil(maxBytes / EVENT_BYTES);
  const opened = await database.row<{ log: string }>(statements.open, [
    sinks,
    maxEvents,
    whenFull === 'drop',
  ]);
  if (opened === undefined) throw new Error('the log has answered nothing');
  const events = sqlEventCalls(database, statements, opened.log);
  const appended = new Set<(last: number) => void>();
  const moved = new Set<(sink: string) => void>();
  let fault: string | null = null;
  const faulted = (thrown: unknown) => {
    fault = thrown === null ? null : thrown instanceof Error ? thrown.message : String(thrown);
  };
  const held = holdSinks({
    ...{ database, statements, node, sinks, holdMs, faulted },
    moved: (sink) => {
      for (const listener of moved) listener(sink);
    },
  });
  let isClosed = false;
  let last = 0;
  let isNumbering = false;
  let numbersAgain = false;
  let tellTimer: NodeJS.Timeout | undefined;
  let closing: Promise<void> | null = null;
  let asking: Promise<void> | null = null;
  let lastStatus: Omit<ChangeLogStatus, 'fault'> = {
    ...{ bytes: 0, maxBytes: maxEvents * EVENT_BYTES, last: 0, dropped: 0, sinks: [] },
  };

  /** Who delivers has the events numbered; the others need not know. */
  function number(): void {
    if (isClosed || appended.size === 0) return;
    numbersAgain = true;
    if (!isNumbering) void numberOn();
  }

  async function numberOn(): Promise<void> {
    isNumbering = true;
    while (numbersAgain && !isClosed) {
      numbersAgain = false;
      try {
        const row = await database.row<{ last: number }>(statements.number, [NUMBER_PAGE]);
        const before = last;
        last = row?.last ?? last;
        if (last === before) continue;
        numbersAgain ||= last - before >= NUMBER_PAGE;
        for (const listener of appended) listener(last);
      } catch (thrown) {
        faulted(thrown);
      }
    }
    isNumbering = false;
  }

  async function askStatus(): Promise<void> {
    try {
      lastStatus = await events.status();
    } catch (thrown) {
      faulted(thrown);
    }
  }

  const pollTimer = setInterval(number, POLL_MS).unref();

  async function close(): Promise<void> {
    isClosed = true;
    clearInterval(pollTimer);
    clearTimeout(tellTimer);
    await held.close();
  }
  const closeOnce = () => {
    closing ??= close();
    return closing;
  };

  const feed: ChangeFeed = {
    held: held.held,
    read: events.read,
    onAppended: (listener) => {
      const stop = listen(appended, listener);
      number();
      return stop;
    },
    onMoved: (listener) => listen(moved, listener),
    cursor: held.cursor,
    advance: held.advance,
    move: events.move,
    deadLetters: events.deadLetters,
    bury: (sink, event, reason) =>
      answerOf<void>(async () => {
        const values = [sink, event.id, JSON.stringify(event), reason.replaceAll('\0', '')];
        const row = await database.row<{ buried: boolean }>(statements.bury, values);
        if (row?.buried) return ok(undefined);
        return err('events-full', `${sink} has too many dead letters: replay or drop them`);
      }),
    revive: events.revive,
    forget: events.forget,
    status: async () => {
      asking ??= askStatus().finally(() => {
        asking = null;
      });
      // Whoever watches wants to know at once that the database is away.
      await Promise.race([asking, wait(STATUS_MS, undefined, { ref: false })]);
      return { ...lastStatus, fault: asking === null ? fault : (fault ?? 'the database does not answer') };
    },
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  };
  held.look();
  return {
    feed,
    close: closeOnce,
    changed() {
      number();
      if (isClosed || tellTimer !== undefined || held.areAllHeld()) return;
      tellTimer = setTimeout(() => {
        tellTimer = undefined;
        database.rows(statements.notify, [schema, CHANGED]).catch(faulted);
      }, TELL_MS);
    },
    told(word) {
      if (word === CHANGED) number();
      else if (word === MOVED) held.look();
    },
  };
}

function listen<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
