/**
 * A recording a connection, in one folder: bounded in number, the oldest removed for the newest.
 *
 * A file's name is its connection: when it was opened, its id, and who was on the other end, as far as a file name
 * can say it. Only files of such names are ever removed.
 */
import { mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Subject } from 'rxjs';
import { systemWords } from '../../files/protocol/system-words.ts';
import type { Connection } from '../../transport/connection.ts';
import { check, checkOptions, numberFrom, optional, TEXT } from '../../wire/argument.ts';
import { CaptureError } from '../capture-fault.ts';
import { type RecordEnd, type Recorder, type RecordOptions, wrapInto } from './record.ts';
import { processClock } from './record-clock.ts';
import { createRecordFile, type RecordFile } from './record-file.ts';
import { RECORD_RULES } from './record-options.ts';
import { createSpool } from './spool.ts';

/** How `recordInto` records: as `record` does, and how many files it keeps. */
export interface RecordDirectoryOptions extends RecordOptions {
  /** The most files in the folder, from 1; default 1,000. Beyond it the oldest is removed. */
  readonly maxFiles?: number;
}

/** @example `2026-11-24T03-56-39.308Z_tcp-7_203.0.113.9-50123.pcapng` */
const OWN_NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z_[A-Za-z0-9.-]+_[A-Za-z0-9.-]+\.pcapng$/;
/** The most characters of an id or an address in a name. */
const NAME_PART_LENGTH_MAX = 80;

const safe = (text: string): string => {
  const plain = text.replace(/[^A-Za-z0-9.-]+/g, '-').replace(/^-+|-+$/g, '');
  return plain.slice(0, NAME_PART_LENGTH_MAX) || 'unknown';
};

const nameOf = (nanoseconds: bigint, { id, remote }: Connection): string => {
  const time = new Date(Number(nanoseconds / 1_000_000n)).toISOString().replaceAll(':', '-');
  return `${time}_${safe(id)}_${safe(remote)}.pcapng`;
};

/** Makes the folder if it is missing, and lists the recordings in it. */
async function openFolder(dir: string): Promise<string[]> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    return (await readdir(dir)).filter((name) => OWN_NAME.test(name)).sort();
  } catch (cause) {
    const message = `cannot record into ${dir}: ${systemWords(cause, 'write')}`;
    throw new CaptureError({ code: 'unwritable', message, position: 0, after: 0 }, { cause });
  }
}

/**
 * Makes the folder if it is missing, and records each wrapped connection into a file of its own there, which
 * only this user may read. A file is made once there is something to write, and when there are more than `maxFiles`
 * the oldest is removed, even if its connection is still open: its recording ends then. `maxBytes` is for each file.
 *
 * However many connections there are, 32 files are open at once, and the memory is that of one recording.
 *
 * Rejects with a `CaptureError` `unwritable` when the folder cannot be made or listed; its `cause` is the system's error.
 *
 * @example
 * const recorder = await recordInto('recordings', { maxBytes: 64 * 1024 ** 2, maxFiles: 100 });
 * const recorded = recorder.wrap(connection);
 */
export async function recordInto(dir: string, options: RecordDirectoryOptions = {}): Promise<Recorder> {
  check('recordInto: the path', dir, TEXT);
  checkOptions('recordInto', options, { ...RECORD_RULES, maxFiles: optional(numberFrom(1)) });
  const { maxBytes = Number.POSITIVE_INFINITY, maxFiles = 1000, clock = processClock } = options;
  /** The names there are, oldest first: the time is what they begin with. Bounded by `maxFiles`, and what was there. */
  const names = await openFolder(dir);
  /** Those that are not closed. Bounded likewise, and by the connections. */
  const open = new Map<string, RecordFile>();
  /** Those of them that are to be removed once they are. */
  const toBeRemoved = new Set<string>();
  const ends$ = new Subject<RecordEnd>();
  const spool = createSpool();

  function addFile(name: string): void {
    names.push(name);
    while (names.length > maxFiles) {
      const oldest = names.shift()!;
      const live = open.get(oldest);
      if (live === undefined) remove(oldest);
      else {
        toBeRemoved.add(oldest);
        live.end();
      }
    }
  }

  function fileClosed(name: string): void {
    open.delete(name);
    if (toBeRemoved.delete(name)) remove(name);
  }

  /** Ignores errors, since somebody else may have removed the file. */
  function remove(name: string): void {
    unlink(join(dir, name)).catch(() => {});
  }

  const close = async (): Promise<void> => {
    for (const file of open.values()) file.end();
    await spool.close();
    ends$.complete();
  };

  return {
    wrap(connection) {
      const name = nameOf(clock.origin + BigInt(clock.now()), connection);
      const file = createRecordFile({
        spool,
        path: join(dir, name),
        exclusive: true,
        maxBytes,
        clock,
        began: () => {
          open.set(name, file);
          addFile(name);
        },
        closed: () => fileClosed(name),
        stopped: (end) => ends$.next(end),
      });
      return wrapInto({ file, spool, connection, options, lazy: true, over: () => file.end() });
    },
    ends$: ends$.asObservable(),
    close,
    [Symbol.asyncDispose]: close,
  };
}
