/**
 * Recording: what passes through connections becomes a pcapng file that Wireshark opens, and `readStreams` reads
 * back. No privilege is needed, since nothing is captured: the packets are made for the bytes.
 */
import { type Observable, Subject } from 'rxjs';
import type { Connection } from '../../transport/connection.ts';
import { CONNECTION, check } from '../../wire/argument.ts';
import type { Framing } from '../../wire/framing.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import type { Side } from '../stream-event.ts';
import { checkRecord } from './check-record.ts';
import { writtenConnection } from './packet-writer.ts';
import { processClock, type RecordClock } from './record-clock.ts';
import { createRecordFile, type RecordEnd, type RecordFile } from './record-file.ts';
import { tappedConnection } from './recording-connection.ts';
import { createRedactor } from './redactor.ts';
import { createSpool, type Spool } from './spool.ts';
import { endpointsOf } from './synthetic-address.ts';

export type { RecordClock } from './record-clock.ts';
export type { RecordEnd } from './record-file.ts';

/**
 * Hides what must not be written of what one side of one connection sends. Given its chunks in order; answers the chunk
 * itself when there is nothing to hide, or else another array of the same length. It must not change the chunk. What
 * it throws ends the recording.
 *
 * @example const redact = () => (chunk) => new Uint8Array(chunk.length); // lengths and times, and no content
 */
export type Redact = (from: Side) => (chunk: Uint8Array) => Uint8Array;

export interface RecordOptions {
  /** Which side of its connection a tapped one is; default `server`. */
  readonly at?: Side;
  /**
   * What is hidden. Default `sluice`: the connections speak Sluice's wire, and no token is written: it is replaced by
   * as many `*`, and so is everything that cannot be read as frames. The other way, `null` writes everything as it is,
   * and what is spoken is not looked at.
   */
  readonly redact?: 'sluice' | Redact | null;
  /** With `sluice`: how requests are found, where there are commands other than Sluice's own with bodies. */
  readonly requests?: Framing<JsonHeader>;
  /** The most bytes of a file; default no bound. */
  readonly maxBytes?: number;
  /** Default the process's own. */
  readonly clock?: RecordClock;
}

export interface Recorder {
  /**
   * A connection to be used in place of the one given, which belongs to it from then on. What passes is recorded, as
   * long as the recording lasts; the connection itself is as it was.
   */
  readonly wrap: (connection: Connection) => Connection;
  /** Emits when a recording ends before its connection: once a file. Completes with `close`. Never errors. */
  readonly ends$: Observable<RecordEnd>;
  /**
   * Ends the recording; what is still open goes on unrecorded. Resolves when what was recorded is with the operating
   * system. Until then it is within a tenth of a second, or at once when it is a lot, so a crash loses little.
   */
  readonly close: () => Promise<void>;
}

/**
 * Records all connections that are tapped into one file, which is replaced if it is there.
 *
 * Memory: 4 MiB wait for the disk at most, and one chunk of each connection; then the connections are not read, and
 * their writes do not settle, until it has caught up.
 *
 * @example
 * const recorder = record('session.pcapng');
 * const connections$ = listenTcp({ port: 8080 }).pipe(
 *   map((event) =>
 *     event.type === 'connection' ? { ...event, connection: recorder.tap(event.connection) } : event,
 *   ),
 * );
 * // later
 * await recorder.close();
 */
export function record(path: string, options: RecordOptions = {}): Recorder {
  checkRecord('record', path, options);
  const { maxBytes = Number.POSITIVE_INFINITY, clock = processClock } = options;
  const ends$ = new Subject<RecordEnd>();
  const spool = createSpool();
  const stopped = (end: RecordEnd) => ends$.next(end);
  const file = createRecordFile({ spool, path, exclusive: false, maxBytes, clock, stopped });
  return {
    wrap: (connection) => wrapInto({ file, spool, connection, options, over: () => {} }),
    ends$: ends$.asObservable(),
    async close() {
      file.end();
      await spool.close();
      ends$.complete();
    },
  };
}

export interface Tap {
  readonly file: RecordFile;
  readonly spool: Spool;
  readonly connection: Connection;
  readonly options: RecordOptions;
  /** Whether a connection that sends nothing is not recorded at all. */
  readonly lazy?: boolean;
  /** Called when the connection is over, and all of it is recorded. */
  readonly over: () => void;
}

/** Taps one connection into a file. */
export function wrapInto({ file, spool, connection, options, lazy = false, over }: Tap): Connection {
  check('wrap: the connection', connection, CONNECTION);
  const { at = 'server', clock = processClock } = options;
  const { local, remote } = connection;
  const endpoints = at === 'server' ? endpointsOf(remote, local) : endpointsOf(local, remote);
  const recorded = writtenConnection({ file, clock, endpoints, at, lazy, ...hiding(options) });
  return tappedConnection({
    connection,
    at,
    recorded,
    spool,
    failed: (thrown) => file.end(thrown),
    over,
  });
}

function hiding({ redact = 'sluice', requests }: RecordOptions) {
  if (redact === 'sluice') return { watches: createRedactor(requests && { requests }) };
  return redact === null ? {} : { redacts: { client: redact('client'), server: redact('server') } };
}
