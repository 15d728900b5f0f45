/** Opens the log of changes of a folder, in which a disk store records what it does. */
import {
  check,
  checkOptions,
  FUNCTION,
  LIST,
  numberFrom,
  oneOf,
  optional,
  RECORD,
  type RulesFor,
  TEXT,
} from '../../wire/argument.ts';
import type { Outcome } from '../contract.ts';
import { systemFault } from '../disk/errno.ts';
import { type FileSystem, nodeFileSystem } from '../disk/file-system.ts';
import { ok } from '../outcome.ts';
import type { ChangeLog } from './change-log.ts';
import { createClaims } from './claims.ts';
import { openDeadLetters } from './dead-letters.ts';
import type { DiskLog } from './disk-log.ts';
import { createDiskLog } from './log-calls.ts';
import { openLogFolder } from './log-folder.ts';
import { becomeOwner } from './log-owner.ts';
import { createLogWriter } from './log-writer.ts';
import { damageOf, openSegments } from './open-segments.ts';
import { createEventReader } from './read-events.ts';
import type { LogRecord } from './record.ts';
import { settleOpen } from './settle-change.ts';

/** How a log is kept. All may be left out. */
export interface ChangeLogOptions {
  /**
   * The names of those who get the events. Each has a cursor, and one that is new begins with the next event. Cursors of
   * others are removed: nothing is kept for them any more. Default those that the log has.
   */
  readonly sinks?: readonly string[];
  /** Bytes of the log, from 1 MiB; default 64 MiB. */
  readonly maxBytes?: number;
  /**
   * What becomes of a change for which the log has no room: `refuse` (the default) refuses it with `events-full`; `drop`
   * has it made without an event, and counts it.
   */
  readonly whenFull?: 'refuse' | 'drop';
  /** As of the store: `fsync` (the default), and the log survives a power cut; or `os`. */
  readonly durability?: 'fsync' | 'os';
  /** Milliseconds to wait until no other process has the log open; default 2,000. */
  readonly ownerWaitMs?: number;
  /**
   * Called when some of the log is damaged, with what, in words: events may be lost. What is behind it is kept. That is seen
   * when the log is opened, or when an older file of it is read. Default nobody is told.
   */
  readonly onDamaged?: (what: string) => void;
  /** Another file system, for tests; default that of Node. @internal */
  readonly fs?: FileSystem;
  /** Bytes of a file of the log, for tests; default a part of `maxBytes`. @internal */
  readonly segmentBytes?: number;
}

const MiB = 1024 ** 2;
const MAX_BYTES_MIN = MiB;
const SEGMENT_BYTES_MAX = MiB;
/** The cursor of what is no sink any more. */
const NO_SINK = -1;
/** Milliseconds for which a change waits for others of its names. */
const CLAIM_WAIT_MS = 120_000;

const RULES: RulesFor<ChangeLogOptions> = {
  sinks: optional(LIST),
  maxBytes: optional(numberFrom(MAX_BYTES_MIN)),
  whenFull: optional(oneOf('refuse', 'drop')),
  durability: optional(oneOf('fsync', 'os')),
  onDamaged: optional(FUNCTION),
  ownerWaitMs: optional(numberFrom(0)),
  fs: optional(RECORD),
  segmentBytes: optional(numberFrom(0)),
};

/**
 * Opens the log of changes of a folder, and decides what was open when its last owner ended. One process at a time has
 * it: `unavailable` while another one does. A store records in it with the option `changes` of `openDiskStore`; close the log
 * after the store.
 *
 * @example
 * const changes = await openChangeLog('uploads', { sinks: ['index'] });
 * if (!changes.ok) throw new Error(changes.error.message);
 * const store = await openDiskStore('uploads', { changes: changes.value });
 */
export async function openChangeLog(
  root: string,
  options: ChangeLogOptions = {},
): Promise<Outcome<ChangeLog>> {
  check('openChangeLog: the root', root, TEXT);
  checkOptions('openChangeLog', options, RULES);
  try {
    return await open(root, options);
  } catch (error) {
    const fault = systemFault(error);
    if (fault === undefined) throw error;
    return fault;
  }
}

async function open(root: string, options: ChangeLogOptions): Promise<Outcome<ChangeLog>> {
  const { maxBytes = 64 * MiB, whenFull = 'refuse', durability = 'fsync', ownerWaitMs = 2000 } = options;
  const folder = await openLogFolder(root, options.fs ?? nodeFileSystem, durability === 'fsync');
  let owner: DiskLog['owner'] | undefined;
  try {
    const owned = await becomeOwner(folder, ownerWaitMs);
    if (!owned.ok) {
      folder.close();
      return owned;
    }
    owner = owned.value;
    const { state, segments, file, damage } = await openSegments(folder);
    if (damage !== null) options.onDamaged?.(damage);
    const listeners = new Set<(last: number) => void>();
    const reader = createEventReader(folder, segments, (serial, bytes) =>
      options.onDamaged?.(damageOf(serial, bytes)),
    );
    const onWritten = (records: readonly LogRecord[]) => {
      const events = records.flatMap((record) => {
        if (record.kind !== 'event') return [];
        const { kind: _, of: _of, ...event } = record;
        return [event];
      });
      if (events.length === 0) return;
      reader.add(events);
      for (const listener of listeners) listener(events.at(-1)!.sequence);
    };
    const { segmentBytes = Math.min(SEGMENT_BYTES_MAX, Math.floor(maxBytes / 16)) } = options;
    const writer = createLogWriter({ folder, state, segments, file, segmentBytes, onWritten });
    const log: DiskLog = {
      ...{ folder, owner, writer, reader, maxBytes, whenFull, listeners },
      dead: await openDeadLetters(folder),
      claims: createClaims(CLAIM_WAIT_MS),
      moved: new Set(),
      open: new Map(),
      cursors: new Map(state.cursors),
      nextTicket: 1,
      nextId: state.nextId,
      nextSequence: state.nextSequence,
      reserved: 0,
      dropped: 0,
      closing: undefined,
    };
    setSinks(log, options.sinks ?? [...state.cursors.keys()], damage !== null);
    await settleOpen(log, [...state.open.values()]);
    return ok(createDiskLog(log));
  } catch (error) {
    await owner?.leave();
    folder.close();
    throw error;
  }
}

/**
 * Those who get events from now on.
 *
 * @param isDamaged a cursor may be lost: who has none gets all that there is.
 */
function setSinks(
  { cursors, writer, nextSequence }: DiskLog,
  sinks: readonly string[],
  isDamaged: boolean,
): void {
  const last = nextSequence - 1;
  for (const sink of cursors.keys()) {
    if (sinks.includes(sink)) continue;
    cursors.delete(sink);
    writer.noteCursor(sink, NO_SINK);
  }
  for (const sink of sinks) {
    const at = Math.min(cursors.get(sink) ?? (isDamaged ? 0 : last), last);
    if (at !== cursors.get(sink)) writer.noteCursor(sink, at);
    cursors.set(sink, at);
  }
}
