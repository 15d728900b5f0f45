/**
 * The log of changes: what happened to files, kept until it was delivered.
 *
 * A store records what it is about to do, does it, and says what came of it:
 *
 * ```text
 *  claim    no other change of these names is open                waits for its turn
 *  begin    the intent is as durable as the store's answers are   waits for the disk, with all who wait then
 *  …        the store makes the change
 *  settle   it happened: now there is an event; or it did not; or nobody knows, and the log asks the file system
 * ```
 *
 * So the order of the events of a name is the order of its changes. After a crash the log decides what is open by what
 * is there. Everything that goes in or out is plain data, so that another process can be asked for it.
 */
import type { Observable } from 'rxjs';
import type { Outcome } from '../contract.ts';

/** What happens to a file. */
export interface Change {
  readonly type: 'stored' | 'removed' | 'renamed';
  /** The name that the file has then, or had. */
  readonly name: string;
  /** The name before, of a file that is renamed. */
  readonly from?: string;
  /** Bytes. */
  readonly size: number;
  /** The CRC-32 of the content, where the store knows it. */
  readonly crc32?: number;
}

/** A change that is about to be made. */
export interface Intent extends Change {
  /**
   * The number by which the file system knows the file. After a crash it tells whether the name has this file. Of two
   * files that exist at once none have the same.
   */
  readonly ino: number;
}

/** A change that has happened. */
export interface ChangeEvent extends Change {
  /** The same however often the event is read or delivered, and that of no other event. */
  readonly id: string;
  /** Its place in the order of all events: 1, 2, 3 … */
  readonly sequence: number;
  /** When the change was begun, in milliseconds since 1970. */
  readonly time: number;
}

/** The right to change some names, from `claim` or `begin` to `settle`. */
export type Ticket = number;

/** What came of a change. `unknown`: the log asks the file system. */
export type Settlement = 'happened' | 'did-not' | 'unknown';

/** What a store needs of a log. */
export interface ChangeRecorder {
  /** Waits until no other change of these names is open. The caller settles the ticket. */
  claim(names: readonly string[]): Promise<Outcome<Ticket>>;
  /**
   * Records an intent, and resolves when it is durable. Refused with `events-full` when the log has no room, and with
   * `unavailable` when the names were not free for long; then there is nothing to settle but a ticket that was given.
   *
   * @param ticket from `claim`; absent: the names are claimed, too.
   */
  begin(intent: Intent, ticket?: Ticket): Promise<Outcome<Ticket>>;
  /** Ends the change, and gives the names back. Never rejects. */
  settle(ticket: Ticket, settlement: Settlement): Promise<void>;
}

/** An event that a sink has refused for good. */
export interface DeadLetter {
  /** Who has refused it. */
  readonly sink: string;
  /** What was refused. */
  readonly event: ChangeEvent;
  /** Why, in words. */
  readonly reason: string;
  /** When it was refused, in milliseconds since 1970. */
  readonly time: number;
  /** Whether it is to be delivered once more. */
  readonly again: boolean;
}

/** How far a sink is. */
export interface SinkStatus {
  /** Its name. */
  readonly sink: string;
  /** The last event of all up to which everything was delivered, or given up: its `sequence`. */
  readonly at: number;
  /** Events behind it. */
  readonly pending: number;
  /** The time of the first of them; null when there is none. */
  readonly oldest: number | null;
  /** Events that it has refused for good. */
  readonly deadLetters: number;
}

/** The state of a log in numbers. */
export interface ChangeLogStatus {
  /** Bytes of the log now. */
  readonly bytes: number;
  /** Those that it may have. */
  readonly maxBytes: number;
  /** The `sequence` of the last event; 0 when there was none. */
  readonly last: number;
  /** Changes that were made without an event, since the log was full and is not to refuse them; since it was opened. */
  readonly dropped: number;
  /** Why the log cannot be written; null when it can. */
  readonly fault: string | null;
  /** Each that gets the events. */
  readonly sinks: readonly SinkStatus[];
}

/** An open log of changes: what `openChangeLog` opens. `await using` closes it at the end of the block. */
export interface ChangeLog extends ChangeRecorder, ChangeFeed {}

/** What delivers the events of a log needs of it. */
export interface ChangeFeed extends AsyncDisposable {
  /**
   * Whether this process is the one that delivers to a sink, now and whenever that changes. Absent where there is but one
   * process.
   */
  held?(sink: string): Observable<boolean>;
  /** Events after a `sequence`, at most `limit`, in their order: fewer only at the end, or where a page is long. */
  read(after: number, limit: number): Promise<readonly ChangeEvent[]>;
  /** Called with the last `sequence` whenever there are new events, until the returned function is called. */
  onAppended(listener: (last: number) => void): () => void;
  /** The cursor of a sink: all events up to this `sequence` were delivered, or given up. That of a new one is the last event. */
  cursor(sink: string): number;
  /** Moves the cursor of a sink forwards. It is durable soon: what was delivered before a crash may come again. */
  advance(sink: string, sequence: number): void;
  /** Moves the cursor of a sink anywhere, durably: back to replay, forwards to drop. */
  move(sink: string, sequence: number): Promise<Outcome<void>>;
  /** Called when the cursor of a sink was moved, or a dead letter is to be delivered again. */
  onMoved(listener: (sink: string) => void): () => void;
  /** The dead letters of a sink, oldest first. */
  deadLetters(sink: string): Promise<readonly DeadLetter[]>;
  /** Puts an event among the dead letters, durably. Refused with `events-full` when there are too many. */
  bury(sink: string, event: ChangeEvent, reason: string): Promise<Outcome<void>>;
  /** Has dead letters delivered once more: one of them, or all of the sink. Answers how many. */
  revive(sink: string, id?: string): Promise<Outcome<number>>;
  /** Drops dead letters, delivered or not: one of them, or all of the sink. Answers how many. */
  forget(sink: string, id?: string): Promise<Outcome<number>>;
  /** The numbers of now. */
  status(): Promise<ChangeLogStatus>;
  /** Closes the log, after what is under way. */
  close(): Promise<void>;
}
