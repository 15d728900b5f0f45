/** An open log of changes in a folder, as its calls share it. */
import type { Ticket } from './change-log.ts';
import type { Claims } from './claims.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { LogFolder } from './log-folder.ts';
import type { LogOwner } from './log-owner.ts';
import type { LogWriter } from './log-writer.ts';
import type { EventReader } from './read-events.ts';
import type { IntentRecord } from './record.ts';

export interface DiskLog {
  readonly folder: LogFolder;
  readonly owner: LogOwner;
  readonly writer: LogWriter;
  readonly reader: EventReader;
  readonly dead: DeadLetters;
  readonly claims: Claims;
  readonly maxBytes: number;
  readonly whenFull: 'refuse' | 'drop';
  readonly listeners: Set<(last: number) => void>;
  readonly moved: Set<(sink: string) => void>;
  /** The changes that were begun, with the bytes that are kept free for their events. */
  readonly open: Map<Ticket, OpenChange>;
  /** How far each sink is. */
  readonly cursors: Map<string, number>;
  nextTicket: Ticket;
  nextId: number;
  nextSequence: number;
  /** Bytes that are kept free for the events of open changes. */
  reserved: number;
  dropped: number;
  closing: Promise<void> | undefined;
}

/** A change that was begun. */
export interface OpenChange {
  readonly intent: IntentRecord;
  readonly reserved: number;
}
