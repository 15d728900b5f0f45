/** The client: what can be asked of a server over one connection, as Observables. */
import { ignoreElements, map, type Observable, type SchedulerLike } from 'rxjs';
import { P } from 'ts-pattern';
import type { FileInfo, Listing, UploadOffset } from '../files/protocol/file.ts';
import type { Ack } from '../files/protocol/reply.ts';
import type { Connection, ConnectionFault } from '../transport/connection.ts';
import {
  CONNECTION,
  check,
  checkOptions,
  FUNCTION,
  MILLISECONDS,
  optional,
  SCHEDULER,
  wholeFrom,
} from '../wire/argument.ts';
import type { JsonHeader } from '../wire/json-header.ts';
import { ask } from './ask.ts';
import { crc32 as portableCrc32 } from './content/crc32.ts';
import { type Download, type GetSettings, get } from './get.ts';
import { type ListSettings, list, type PageSettings, page } from './list.ts';
import type { Checksum } from './pipeline/frame-sender.ts';
import { createRequestPipeline } from './pipeline/request-pipeline.ts';
import { type ContentSource, type PutEvent, type PutHooks, type PutSettings, put } from './put.ts';

export interface ClientOptions {
  /**
   * Computes the CRC-32 of bytes, continued from that of the bytes before. Default one in JavaScript; in Node,
   * `zlib.crc32` is several times as fast.
   */
  readonly crc32?: Checksum;
  /** Requests that may be sent and unanswered at once, from 1; default 256. Those beyond wait, and cost no body. */
  readonly window?: number;
  /**
   * Milliseconds of silence after which a server that has something to answer is given up: what is outstanding fails
   * with `connection`, code `timeout`. Silence is that no byte comes and none of ours is taken (256 KiB at a time); while
   * content is being read, or a download is paused, it does not count. Default none: it may take for ever.
   */
  readonly timeout?: number;
  /** What time is; default that of RxJS's `asyncScheduler`. For tests. */
  readonly scheduler?: SchedulerLike;
}

/**
 * Every method returns a cold Observable: each subscription makes the request, behind those made before; none waits for
 * the answer of another (pipelining). All error with a `ClientFault`, a value: `refused` is the server's answer to this
 * request alone, `connection` and `protocol` end the connection and with it all that is outstanding.
 *
 * Unsubscribing gives a request up: unsent, it is never sent; sent, its answer is dropped. A put given up in the
 * middle of its body takes the connection with it, once what was sent before it is answered: its frame can neither
 * be completed truthfully nor be cut short.
 */
export interface Client {
  /**
   * Stores content under a name. Emits `progress` as the operating system takes the bytes, then `stored` once the
   * server has acknowledged them, and completes. Its content is opened when its turn has come, read piece by piece as
   * the connection takes it (1 MiB for all puts together is in memory at the most), and closed.
   *
   * Errors besides: `content` when it cannot be read as promised, `mismatch` when size or CRC-32 of what the server
   * stored are not those of what was sent. A refusal may come while the body is being sent. What is left of it is then
   * sent as zeros, which the server skips, if it is at most 1 MiB; else the connection is dropped, and requests that
   * were waiting behind it fail with `connection` and `sent: false`: make them again on a new one.
   *
   * @example client.put('a.txt', bytesContent(bytes)).subscribe({ error: (fault) => console.log(describeFault(fault)) });
   */
  readonly put: (
    filename: string,
    content: ContentSource,
    settings?: PutSettings,
    hooks?: PutHooks,
  ) => Observable<PutEvent>;
  /**
   * Emits what the server has of an interrupted upload: `offset` bytes with this CRC-32, 0 when it has nothing. A
   * connection that was still at it loses it. `createUploads` does all of this by itself.
   *
   * @example
   * client.resume('photo-1').subscribe({
   *   next: ({ offset }) => console.log(`${offset} bytes are there`),
   *   error: (fault) => console.error(describeFault(fault)),
   * });
   */
  readonly resume: (upload: string) => Observable<UploadOffset>;
  /** Drops what the server has of an interrupted upload. Errors with `not-found` when that is nothing. */
  readonly cancel: (upload: string) => Observable<never>;
  /**
   * Says who we are, if there is a token, and emits what the server says of itself: `version`, `commands`, `limits`, and
   * the `name`, `rights` and `prefix` that we have there. What is asked behind it waits for it. A token the server does
   * not know is `refused`, with code `bad-token`, and ends the connection.
   */
  readonly hello: (token?: string) => Observable<Ack>;
  /**
   * Fetches a file: emits one `Download` when it begins to arrive, and completes when all of it has.
   *
   * @example
   * client.get('a.txt').pipe(mergeMap(({ bytes$ }) => bytes$)).subscribe({
   *   next: (bytes) => console.log(bytes.length),
   *   error: (fault) => console.error(describeFault(fault)),
   * });
   */
  readonly get: (filename: string, settings?: GetSettings) => Observable<Download>;
  /** Emits every file there is, in order of the names' UTF-8 bytes, page by page. */
  readonly list: (settings?: ListSettings) => Observable<FileInfo>;
  /** Emits one page of names; its `next`, if there are more, is the `after` of the next page. */
  readonly page: (settings?: PageSettings) => Observable<Listing>;
  readonly stat: (filename: string) => Observable<FileInfo>;
  /** Removes a file; completes without a value. Errors with `not-found` when there is none. */
  readonly delete: (filename: string) => Observable<never>;
  /** Moves a file and emits it; what is at `to` is replaced, unless `ifAbsent`, which is then refused with `exists`. */
  readonly rename: (
    filename: string,
    to: string,
    settings?: { readonly ifAbsent?: boolean },
  ) => Observable<FileInfo>;
  /** Completes without a value when the server has answered. */
  readonly ping: () => Observable<never>;
  /** Asks what a server of your own knows beyond these: a header without a body, answered by one ack without a body. */
  readonly request: (header: JsonHeader & { readonly cmd: string }) => Observable<Ack>;
  /** Takes no more requests, and ends our side once all are answered; `closed$` tells when the server has too. */
  readonly end: () => void;
  /** Drops the connection; what is outstanding fails. */
  readonly destroy: () => void;
  /** Emits once, when the connection is over: null when in good order. */
  readonly closed$: Observable<ConnectionFault | null>;
}

const CLIENT_RULES = {
  crc32: optional(FUNCTION),
  window: optional(wholeFrom(1)),
  timeout: optional(MILLISECONDS),
  scheduler: optional(SCHEDULER),
};

/**
 * Makes a client of a connection, which from then on belongs to it.
 *
 * @example
 * const client = createClient(connection);
 * client.list({ prefix: 'photos/' }).subscribe({
 *   next: ({ name, size }) => console.log(name, size),
 *   error: (fault) => console.error(describeFault(fault)),
 * });
 */
export function createClient(connection: Connection, options: ClientOptions = {}): Client {
  check('createClient: its connection', connection, CONNECTION);
  checkOptions('createClient', options, CLIENT_RULES);
  const { crc32 = portableCrc32, window = 256, timeout, scheduler } = options;
  const pipeline = createRequestPipeline({ connection, crc32, window, timeout, scheduler });
  return {
    put: (filename, content, settings, hooks) => put(pipeline, filename, content, settings, hooks),
    resume: (upload) =>
      ask(pipeline, { cmd: 'resume', upload }, RESUME_ACK).pipe(
        map(({ offset, crc32 }) => ({ offset, crc32 })),
      ),
    hello: (token) =>
      ask(pipeline, { cmd: 'hello', ...(token === undefined ? {} : { token }) }, { ack: 'hello' }),
    cancel: (upload) => ask(pipeline, { cmd: 'cancel', upload }, { ack: 'cancel' }).pipe(ignoreValues),
    get: (filename, settings) => get(pipeline, filename, settings),
    list: (settings) => list(pipeline, settings),
    page: (settings) => page(pipeline, settings),
    stat: (filename) => ask(pipeline, { cmd: 'stat', filename }, fileAck('stat')).pipe(map(infoOf)),
    delete: (filename) => ask(pipeline, { cmd: 'delete', filename }, { ack: 'delete' }).pipe(ignoreValues),
    rename: (filename, to, { ifAbsent = false } = {}) =>
      ask(pipeline, { cmd: 'rename', filename, to, ...(ifAbsent ? { ifAbsent } : {}) }, RENAME_ACK).pipe(
        map((ack) => ({ ...infoOf(ack), name: to })),
      ),
    ping: () => ask(pipeline, { cmd: 'ping' }, { ack: 'ping' }).pipe(ignoreValues),
    request: (header) => ask(pipeline, header, { ack: header.cmd }),
    end: pipeline.end,
    destroy: pipeline.destroy,
    closed$: connection.closed$,
  };
}

const fileAck = <const A extends string>(ack: A) =>
  ({ ack, filename: P.string, size: P.number, mtime: P.number, crc32: P.optional(P.number) }) as const;
const RESUME_ACK = { ack: 'resume', offset: P.number, crc32: P.number } as const;
const RENAME_ACK = fileAck('rename');

const infoOf = (ack: {
  readonly filename: string;
  readonly size: number;
  readonly mtime: number;
  readonly crc32?: number | undefined;
}): FileInfo => ({
  name: ack.filename,
  size: ack.size,
  mtime: ack.mtime,
  ...(ack.crc32 === undefined ? {} : { crc32: ack.crc32 }),
});

const ignoreValues = <T>(source: Observable<T>): Observable<never> => source.pipe(ignoreElements());
