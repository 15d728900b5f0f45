/** The client: every request that a server answers over one connection, as an Observable. */
import { ignoreElements, map, type Observable, type SchedulerLike } from 'rxjs';
import { P } from 'ts-pattern';
import type { FileInfo, Listing, UploadOffset } from '../files/protocol/file.ts';
import type { Ack } from '../files/protocol/reply.ts';
import type { Connection, ConnectionFault } from '../transport/connection.ts';
import {
  CONNECTION,
  check,
  checkOptions,
  FLAG,
  MILLISECONDS,
  optional,
  SCHEDULER,
  wholeFrom,
} from '../wire/argument.ts';
import { ask } from './ask.ts';
import type { ContentSource } from './content/hold-content.ts';
import { type Download, type GetSettings, get } from './get.ts';
import { type ListSettings, list, type PageSettings, page, STAT_RULES } from './list.ts';
import { createRequestPipeline } from './pipeline/request-pipeline.ts';
import { type PutEvent, type PutHooks, type PutSettings, put } from './put.ts';
import { requestOver, type SendRequest } from './request.ts';

/** How many requests a client has under way, and how long it waits for a silent server. All may be left out. */
export interface ClientOptions {
  /** Requests that may be unanswered at once, from 1; default 256. Further requests wait and hold no body. */
  readonly window?: number;
  /**
   * Milliseconds of silence, 0 to 2^31 - 1, after which the client gives a server up that owes it an answer: every
   * unanswered request fails with `connection`, code `timeout`. Silence means that no byte arrives and that the system
   * takes none of ours (256 KiB at a time). Time in which content is being read, or a download is paused, does not
   * count. Default: no limit.
   */
  readonly timeout?: number;
  /** The clock and the timers; default RxJS's `asyncScheduler`. For tests. */
  readonly scheduler?: SchedulerLike;
}

/**
 * Makes requests of a file server over one connection. `createClient` makes one of a connection, and `connectClient`
 * connects as well. Every method returns a cold Observable. Each subscription makes the request, in the order of the
 * subscriptions, and none waits for the answer to another (pipelining). All error with a `ClientError`: `refused`
 * concerns this request alone; `connection` and `protocol` end the connection and fail every unanswered request on it.
 *
 * Unsubscribing gives a request up. If it is unsent it is never sent; if it is sent its answer is dropped. A put that
 * is given up in the middle of its body ends the connection as soon as the requests before it are answered, since its
 * frame can neither be completed truthfully nor be cut short.
 */
export interface Client {
  /**
   * Stores content under a name. Emits `progress` as the operating system takes the bytes, then `stored` once the
   * server has acknowledged them, and completes. The client opens the content when the put's turn has come, reads it
   * piece by piece as the connection takes it (all puts together hold at most 1 MiB in memory), and closes it.
   *
   * Further errors: `content` when the content cannot be read as promised, `mismatch` when the server stored another
   * size or CRC-32 than was sent. A refusal may arrive while the body is still being sent. If at most 1 MiB of the body
   * is left, the client sends it as zeros, which the server skips. Otherwise the client drops the connection, and the
   * requests that waited behind the put fail with `connection` and `sent: false`: make them again on a new connection.
   *
   * @example client.put('a.txt', bytesContent(bytes)).subscribe({ error: (error) => console.log(error.message) });
   */
  readonly put: (
    filename: string,
    content: ContentSource,
    settings?: PutSettings,
    hooks?: PutHooks,
  ) => Observable<PutEvent>;
  /**
   * Emits how much the server has of an interrupted upload: `offset` bytes with this CRC-32; 0 when it has nothing. The
   * server takes the upload away from a connection that was still sending it. `createUploads` does all of this for you.
   *
   * @example
   * client.resume('photo-1').subscribe({
   *   next: ({ offset }) => console.log(`${offset} bytes are there`),
   *   error: (error) => console.error(error.message),
   * });
   */
  readonly resume: (upload: string) => Observable<UploadOffset>;
  /** Has the server drop an interrupted upload. Errors with a refusal `not-found` when it has nothing of it. */
  readonly cancel: (upload: string) => Observable<never>;
  /**
   * Authenticates with the token, if one is given, and emits the server's own account of itself: `version`, `commands`,
   * `limits`, and the `name`, `rights` and `prefix` that the client has there. The server answers later requests only
   * after this one. It refuses a token that it does not know, with code `bad-token`, and ends the connection.
   */
  readonly hello: (token?: string) => Observable<Ack>;
  /**
   * Fetches a file: emits one `Download` when it begins to arrive, and completes when all of it has.
   *
   * @example
   * client.get('a.txt').pipe(mergeMap(({ bytes$ }) => bytes$)).subscribe({
   *   next: (bytes) => console.log(bytes.length),
   *   error: (error) => console.error(error.message),
   * });
   */
  readonly get: (filename: string, settings?: GetSettings) => Observable<Download>;
  /** Emits every file there is, in order of the names' UTF-8 bytes, page by page. */
  readonly list: (settings?: ListSettings) => Observable<FileInfo>;
  /** Emits one page of names; its `next`, if there are more, is the `after` of the next page. */
  readonly page: (settings?: PageSettings) => Observable<Listing>;
  /**
   * Emits the size, the modification time and, where the server knows it, the CRC-32 of a file. Errors with a refusal
   * `not-found` when there is none.
   *
   * With `checksum` (default false) the CRC-32 is wanted also where the server does not know it: the server reads the
   * file for it, and answers when it has. An older server answers without one.
   */
  readonly stat: (filename: string, settings?: { readonly checksum?: boolean }) => Observable<FileInfo>;
  /** Removes a file; completes without a value. Errors with a refusal `not-found` when there is none. */
  readonly delete: (filename: string) => Observable<never>;
  /** Moves a file and emits it. A file at `to` is replaced, or with `ifAbsent` the move is refused with `exists`. */
  readonly rename: (
    filename: string,
    to: string,
    settings?: { readonly ifAbsent?: boolean },
  ) => Observable<FileInfo>;
  /** Completes without a value when the server has answered. */
  readonly ping: () => Observable<never>;
  /**
   * Makes a request of a custom command of your own server: a header, and perhaps a body. It is answered by one ack, and
   * perhaps a body, which `answer` says what to do with: it is dropped, is emitted whole if it has at most `maxBytes`,
   * or is emitted as it arrives, as `get` does. What the command says of its progress before that is dropped.
   *
   * The client adds the size of a body to the header, as `filesize`. A command of your server reads it by its
   * `bodyLength`; a server that does not know the command skips so many bytes and answers `unknown-command`.
   *
   * Further errors: `content` and the rest as for `put`, when the body cannot be read as promised; `too-large` when the
   * answer has more than `maxBytes`.
   *
   * @example
   * client.request({ cmd: 'thumbnail', width: 64 }, { body: bytes, answer: 'bytes' }).subscribe({
   *   next: ({ ack, bytes }) => console.log(ack.type, bytes.length),
   *   error: (error) => console.error(error.message),
   * });
   */
  readonly request: SendRequest;
  /**
   * Takes no more requests, and ends our side once all are answered. `closed$` emits when the server has ended its own.
   */
  readonly end: () => void;
  /** Drops the connection; every unanswered request fails. */
  readonly destroy: () => void;
  /** Emits once, when the connection has ended: null when it ended in good order. */
  readonly closed$: Observable<ConnectionFault | null>;
}

const CLIENT_RULES = {
  window: optional(wholeFrom(1)),
  timeout: optional(MILLISECONDS),
  scheduler: optional(SCHEDULER),
};

/**
 * Makes a client of a connection, which belongs to the client from then on.
 *
 * @example
 * const client = createClient(connection);
 * client.list({ prefix: 'photos/' }).subscribe({
 *   next: ({ name, size }) => console.log(name, size),
 *   error: (error) => console.error(error.message),
 * });
 */
export function createClient(connection: Connection, options: ClientOptions = {}): Client {
  check('createClient: its connection', connection, CONNECTION);
  checkOptions('createClient', options, CLIENT_RULES);
  const { window = 256, timeout, scheduler } = options;
  const pipeline = createRequestPipeline({ connection, window, timeout, scheduler });
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
    stat: (filename, settings = {}) => {
      checkOptions('stat', settings, STAT_RULES);
      return ask(pipeline, { cmd: 'stat', filename, ...settings }, fileAck('stat')).pipe(map(infoOf));
    },
    delete: (filename) => ask(pipeline, { cmd: 'delete', filename }, { ack: 'delete' }).pipe(ignoreValues),
    rename: (filename, to, settings = {}) => {
      checkOptions('rename', settings, { ifAbsent: optional(FLAG) });
      const ifAbsent = settings.ifAbsent ? { ifAbsent: true } : {};
      return ask(pipeline, { cmd: 'rename', filename, to, ...ifAbsent }, RENAME_ACK).pipe(
        map((ack) => ({ ...infoOf(ack), name: to })),
      );
    },
    ping: () => ask(pipeline, { cmd: 'ping' }, { ack: 'ping' }).pipe(ignoreValues),
    request: requestOver(pipeline),
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
