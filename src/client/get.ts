/** `get`: a file, or a range of it, streamed. */
import { Observable, type Subscriber } from 'rxjs';
import { isMatching, P } from 'ts-pattern';
import type { Ack } from '../files/protocol/reply.ts';
import type { RequestPipeline } from './pipeline/request-pipeline.ts';

export interface GetSettings {
  /** Where to begin, in bytes; default 0. */
  readonly offset?: number;
  /** How many bytes, fewer where the file ends before; default all. */
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
   * The content, in the pieces it arrives in, each a view that may be kept. For one subscriber; the connection is
   * paused until there is one. Completes after exactly `length` bytes; errors with a `ClientFault` when the connection
   * breaks before. Unsubscribing before the end lets the rest arrive and drops it.
   */
  readonly bytes$: Observable<Uint8Array>;
  /**
   * Stops `bytes$` after at most what has arrived already (128 KiB), and with it every reply on this connection. Undone
   * by `resume`, and when `bytes$` ends or is unsubscribed.
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
          return { type: 'protocol', message };
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
        body.failed(fault);
        subscriber.error(fault);
      },
    });
    return () => {
      cancel();
      body.left();
    };
  });
}

/** What has arrived and has no subscriber yet is held: the connection is paused, so it is one or two chunks. */
function createBody(pipeline: RequestPipeline) {
  let reader: Subscriber<Uint8Array> | null = null;
  let unread: Uint8Array[] = [];
  let end: { readonly fault: unknown } | null = null;
  let complete = false;
  let subscribed = false;

  const bytes$ = new Observable<Uint8Array>((subscriber) => {
    if (subscribed) throw new Error('bytes$ is for one subscriber, and has one');
    subscribed = true;
    const before = unread;
    unread = [];
    for (const bytes of before) subscriber.next(bytes);
    if (complete) return subscriber.complete();
    if (end !== null) return subscriber.error(end.fault);
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
    /** The download was handed out; whoever has it may not be ready. */
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
    failed: (fault: unknown) => {
      end = { fault };
      reader?.error(fault);
    },
    /** Nobody wants it any more. */
    left: () => {
      if (complete || end !== null) return;
      unread = [];
      subscribed = true;
      pipeline.resume();
    },
  };
}
