/** `get`: streams a file, or a range of it. */
import { Observable, type Subscriber } from 'rxjs';
import { isMatching, P } from 'ts-pattern';
import { StateError } from '../base/sluice-error.ts';
import type { Ack } from '../files/protocol/reply.ts';
import { ClientError } from './client-fault.ts';
import type { RequestPipeline } from './pipeline/request-pipeline.ts';

export interface GetSettings {
  /** Where to begin, in bytes; default 0. */
  readonly offset?: number;
  /** How many bytes; fewer arrive when the file ends before that. Default all. */
  readonly length?: number;
}

/** A file that is arriving. */
export interface Download {
  readonly filename: string;
  /** Bytes of the whole file. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly mtime: number;
  /** CRC-32 of the whole file, where the server knows it. */
  readonly crc32?: number;
  /** Where `bytes$` begins in the file. */
  readonly offset: number;
  /** How many bytes `bytes$` emits in all. */
  readonly length: number;
  /**
   * The content, in the pieces in which it arrives; each is a view that may be kept. It is for one subscriber, and the
   * connection is paused until it has one. Completes after exactly `length` bytes; errors with a `ClientError` when the
   * connection breaks before that. After an early unsubscription the remaining bytes arrive and are dropped.
   */
  readonly bytes$: Observable<Uint8Array>;
  /**
   * Stops `bytes$`, and with it every reply on this connection. Bytes that have arrived already (at most 128 KiB) are
   * still emitted. `resume` undoes it, and so does the end or the unsubscription of `bytes$`.
   */
  readonly pause: () => void;
  readonly resume: () => void;
}

const GET_ACK = {
  ack: 'get',
  filename: P.string,
  size: P.number,
  mtime: P.number,
  offset: P.number,
  body: P.number,
  crc32: P.optional(P.number),
};
const isGetAck = isMatching(GET_ACK);

export function get(
  pipeline: RequestPipeline,
  filename: string,
  { offset, length }: GetSettings = {},
): Observable<Download> {
  const range = { ...(offset === undefined ? {} : { offset }), ...(length === undefined ? {} : { length }) };
  return new Observable((subscriber) => {
    const body = createBody(pipeline);
    const cancel = pipeline.request({
      header: () => ({ cmd: 'get', filename, ...range }),
      acked: (ack: Ack, _, arriving) => {
        if (!isGetAck(ack)) {
          const message = `the server's answer to a get of ${filename} is not an ack of one`;
          return { code: 'protocol', message };
        }
        const { size, mtime, offset, crc32 } = ack;
        const known = crc32 === undefined ? {} : { crc32 };
        const { bytes$, pause, resume } = body;
        const length = arriving;
        subscriber.next({ filename, size, mtime, ...known, offset, length, bytes$, pause, resume });
        body.begun();
        return null;
      },
      data: body.data,
      done: () => {
        body.ended();
        subscriber.complete();
      },
      failed: (fault) => {
        const error = new ClientError(fault);
        body.failed(error);
        subscriber.error(error);
      },
    });
    return () => {
      cancel();
      body.left();
    };
  });
}

/**
 * Holds the bytes that arrive before there is a subscriber: the connection is paused, so they are one or two chunks.
 */
function createBody(pipeline: RequestPipeline) {
  let reader: Subscriber<Uint8Array> | null = null;
  let unread: Uint8Array[] = [];
  let end: ClientError | null = null;
  let complete = false;
  let subscribed = false;

  const bytes$ = new Observable<Uint8Array>((subscriber) => {
    if (subscribed)
      return subscriber.error(new StateError('has-subscriber', 'bytes$ is for one subscriber, and has one'));
    subscribed = true;
    const before = unread;
    unread = [];
    for (const bytes of before) subscriber.next(bytes);
    if (complete) return subscriber.complete();
    if (end !== null) return subscriber.error(end);
    reader = subscriber;
    pipeline.resume();
    return () => {
      reader = null;
      if (!complete && end === null) pipeline.resume();
    };
  });

  return {
    bytes$,
    pause: () => {
      if (!complete && end === null) pipeline.pause();
    },
    resume: () => {
      if (!complete && end === null) pipeline.resume();
    },
    /** The download was emitted, and its receiver may not have subscribed to `bytes$` yet. */
    begun: () => {
      if (!subscribed) pipeline.pause();
    },
    data: (bytes: Uint8Array) => {
      if (!subscribed) unread.push(bytes);
      else reader?.next(bytes);
    },
    ended: () => {
      complete = true;
      pipeline.resume();
      reader?.complete();
    },
    failed: (error: ClientError) => {
      end = error;
      reader?.error(error);
    },
    /** The get was unsubscribed: the remaining bytes are dropped as they arrive. */
    left: () => {
      if (complete || end !== null) return;
      unread = [];
      subscribed = true;
      pipeline.resume();
    },
  };
}
