/**
 * Recording: what passes through connections becomes a pcapng file that Wireshark opens, and `readStreams` reads
 * back. No privilege is needed, since nothing is captured: the packets are made for the bytes.
 */
import { type Observable, Subject } from 'rxjs';
import type { Connection } from '../../transport/connection.ts';
import { CONNECTION, check, checkOptions, TEXT } from '../../wire/argument.ts';
import { createPacketWriter } from './packet-writer.ts';
import { processClock } from './record-clock.ts';
import { createRecordFile, type RecordEnd, type RecordFile } from './record-file.ts';
import { RECORD_RULES, type RecordOptions } from './record-options.ts';
import { recordingConnection } from './recording-connection.ts';
import { createRedactor } from './redactor.ts';
import { createSpool, type Spool } from './spool.ts';
import { endpointsOf } from './synthetic-address.ts';

export type { RecordClock } from './record-clock.ts';
export type { RecordEnd } from './record-file.ts';
export type { RecordOptions, Redact } from './record-options.ts';

/**
 * Records connections: what `record` and `recordInto` return. `await using recorder = record(…)` closes it at the end of
 * the block.
 */
export interface Recorder extends AsyncDisposable {
  /**
   * Wraps a connection. Use the result in its place, and leave the given one alone from then on. All bytes are recorded
   * as long as the recording lasts; the connection behaves as before.
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
 * Records all wrapped connections into one file, which is replaced if it is there.
 *
 * Memory: 6 MiB wait for the disk at most, and one chunk of each connection; then the connections are not read, and
 * their writes do not settle, until it has caught up.
 *
 * @example
 * const recorder = record('session.pcapng');
 * const connections$ = listenTcp({ port: 8080 }).pipe(
 *   map((event) =>
 *     event.type === 'connection' ? { ...event, connection: recorder.wrap(event.connection) } : event,
 *   ),
 * );
 * // later
 * await recorder.close();
 */
export function record(path: string, options: RecordOptions = {}): Recorder {
  check('record: the path', path, TEXT);
  checkOptions('record', options, RECORD_RULES);
  const { maxBytes = Number.POSITIVE_INFINITY, clock = processClock } = options;
  const ends$ = new Subject<RecordEnd>();
  const spool = createSpool();
  const stopped = (end: RecordEnd) => ends$.next(end);
  const file = createRecordFile({ spool, path, exclusive: false, maxBytes, clock, stopped });
  const close = async (): Promise<void> => {
    file.end();
    await spool.close();
    ends$.complete();
  };
  return {
    wrap: (connection) => wrapInto({ file, spool, connection, options, over: () => {} }),
    ends$: ends$.asObservable(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

export interface WrapOptions {
  readonly file: RecordFile;
  readonly spool: Spool;
  readonly connection: Connection;
  readonly options: RecordOptions;
  /** Whether a connection that sends nothing is not recorded at all. */
  readonly lazy?: boolean;
  /** Called when the connection is over, and all of it is recorded. */
  readonly over: () => void;
}

/** Wraps one connection, so that it is recorded into a file. */
export function wrapInto({ file, spool, connection, options, lazy = false, over }: WrapOptions): Connection {
  check('wrap: the connection', connection, CONNECTION);
  const { at = 'server', clock = processClock } = options;
  const { local, remote } = connection;
  const endpoints = at === 'server' ? endpointsOf(remote, local) : endpointsOf(local, remote);
  const packets = createPacketWriter({ file, clock, endpoints, at, lazy, ...redaction(options) });
  return recordingConnection({
    connection,
    at,
    packets,
    spool,
    failed: (thrown) => file.end(thrown),
    over,
  });
}

function redaction({ redact = 'sluice', requests }: RecordOptions) {
  if (redact === 'sluice') return { redactors: createRedactor(requests && { requests }) };
  return redact === null ? {} : { redacts: { client: redact('client'), server: redact('server') } };
}
