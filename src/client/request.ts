/** `request`: a command of your own server, with a body or without, and what it answers. */
import { Observable } from 'rxjs';
import type { Ack } from '../files/protocol/reply.ts';
import { requestPatterns } from '../files/protocol/request.ts';
import {
  ANYTHING,
  check,
  checkOptions,
  oneOf,
  optional,
  RECORD,
  type RulesFor,
  TEXT,
  wholeFrom,
} from '../wire/argument.ts';
import { BYTES, type BytesLike } from '../wire/bytes.ts';
import type { JsonHeader } from '../wire/json-header.ts';
import { type ArrivingBody, createArrivingBody } from './arriving-body.ts';
import { ClientError, type ClientFault } from './client-fault.ts';
import { bytesContent } from './content/content.ts';
import { type ContentSource, checkSource, holdContent } from './content/hold-content.ts';
import type { ClientRequest } from './pipeline/client-request.ts';
import type { RequestPipeline } from './pipeline/request-pipeline.ts';

export type RequestHeader = JsonHeader & { readonly cmd: string };

/** The body of a request of your own command, and what becomes of the answer. All may be left out. */
export interface RequestSettings {
  /**
   * The body of the request: bytes, a content, or a function that opens one when the turn of the request has come. The
   * client adds its size to the header, as `filesize`. Default none.
   */
  readonly body?: BytesLike | ContentSource;
  /**
   * What is emitted: `ack`, the header of the answer, while its body is dropped; `bytes`, the header and the whole body;
   * `stream`, the header when it arrives, with the body as it comes. Default `ack`.
   */
  readonly answer?: 'ack' | 'bytes' | 'stream';
  /**
   * With `answer: 'bytes'`: the most bytes of the body of the answer, from 0; default 1 MiB. A longer one is the error
   * `too-large`, and is dropped as it arrives.
   */
  readonly maxBytes?: number;
}

/** An answer with its whole body: what `Client.request` emits with `answer: 'bytes'`. */
export interface WholeAnswer {
  /** The header of the answer. */
  readonly ack: Ack;
  /** The body of the answer. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** An answer whose body is arriving: what `Client.request` emits with `answer: 'stream'`. */
export interface ArrivingAnswer extends ArrivingBody {
  /** The header of the answer. */
  readonly ack: Ack;
}

export interface SendRequest {
  (header: RequestHeader, settings?: RequestSettings & { readonly answer?: 'ack' }): Observable<Ack>;
  (header: RequestHeader, settings: RequestSettings & { readonly answer: 'bytes' }): Observable<WholeAnswer>;
  (
    header: RequestHeader,
    settings: RequestSettings & { readonly answer: 'stream' },
  ): Observable<ArrivingAnswer>;
  /** For settings of which only the program knows what they ask for. */
  (header: RequestHeader, settings: RequestSettings): Observable<Ack | WholeAnswer | ArrivingAnswer>;
}

const ANSWER_BYTES_MAX_DEFAULT = 1024 * 1024;

const RULES: RulesFor<RequestSettings> = {
  // `sourceOf` checks it.
  body: ANYTHING,
  answer: optional(oneOf('ack', 'bytes', 'stream')),
  maxBytes: optional(wholeFrom(0)),
};

/** A command may report how far it is before it answers: acks of this name, for which there is no receiver. */
const PROGRESS = 'progress';
const dropProgress = () => null;

/** Makes `request` of a client. */
export const requestOver = (pipeline: RequestPipeline): SendRequest =>
  ((header: RequestHeader, settings: RequestSettings = {}) => {
    check('request: the header', header, RECORD);
    check("request: the header's cmd", header.cmd, TEXT);
    checkOptions('request', settings, RULES);
    const { body, answer = 'ack' } = settings;
    // The header is read now, so that what throws there throws here, and not when its turn has come.
    const fields = { ...header };
    const source = body === undefined ? noBody(header) : sourceOf(header, body);
    const receive = RECEIVERS[answer];
    return new Observable<never>((subscriber) => {
      const receiver = receive(
        pipeline,
        (value) => subscriber.next(value as never),
        settings.maxBytes ?? ANSWER_BYTES_MAX_DEFAULT,
      );
      const held = source === null ? null : holdContent(source);
      const cancel = pipeline.request({
        header: (content) => (content === null ? fields : { ...fields, filesize: content.size }),
        ...(held === null ? {} : { open: held.open }),
        ...receiver,
        ...(fields.cmd === PROGRESS ? {} : { progressed: dropProgress }),
        acked: (ack, sent, length) =>
          ack.ack === fields.cmd ? receiver.acked(ack, sent, length) : notAnAckOf(fields.cmd),
        done: () => {
          receiver.done();
          subscriber.complete();
        },
        failed: (fault) => {
          const error = new ClientError(fault);
          receiver.failed?.(error);
          subscriber.error(error);
        },
      });
      return () => {
        cancel();
        held?.giveUp();
        receiver.left?.();
      };
    });
  }) as SendRequest;

/** A header that promises a body without one would have the server take the requests behind it for that body. */
function noBody({ filesize = 0 }: RequestHeader): null {
  if (filesize === 0) return null;
  throw new TypeError(
    "request: the header of a request without a body must not have 'filesize': give the bytes as `body`, and the client adds their number",
  );
}

function sourceOf(header: RequestHeader, body: BytesLike | ContentSource): ContentSource {
  if (Object.hasOwn(requestPatterns, header.cmd)) {
    const { cmd } = header;
    throw new TypeError(
      cmd === 'put' ? `request: a file is sent by client.put` : `request: '${cmd}' has no body`,
    );
  }
  if (Object.hasOwn(header, 'filesize'))
    throw new TypeError(
      "request: the header of a request with a body must not have 'filesize': the client adds it",
    );
  if (BYTES.isKind(body)) return bytesContent(body as BytesLike);
  const source = body as ContentSource;
  checkSource(source);
  return source;
}

const notAnAckOf = (cmd: string): ClientFault => ({
  code: 'protocol',
  message: `the server's answer to '${cmd}' is not an ack of one`,
});

/** What is done with an answer: what it is emitted as, and when. */
interface Receiver extends Required<Pick<ClientRequest, 'acked' | 'done'>>, Pick<ClientRequest, 'data'> {
  readonly failed?: (error: ClientError) => void;
  /** Nobody wants the answer any more. */
  readonly left?: () => void;
}

type Receive = (pipeline: RequestPipeline, emit: (value: unknown) => void, maxBytes: number) => Receiver;

const RECEIVERS: Readonly<Record<NonNullable<RequestSettings['answer']>, Receive>> = {
  ack: (_, emit) => ({
    acked: (ack) => {
      emit(ack);
      return null;
    },
    done: () => {},
  }),
  bytes: (_, emit, maxBytes) => receiveWhole(emit, maxBytes),
  stream: (pipeline, emit) => receiveArriving(pipeline, emit),
};

function receiveWhole(emit: (answer: WholeAnswer) => void, maxBytes: number): Receiver {
  let answer: WholeAnswer | null = null;
  let at = 0;
  return {
    acked: (ack, _, length) => {
      if (length > maxBytes) {
        const message = `the answer has a body of ${length} bytes, and maxBytes is ${maxBytes}: ask for more, or for a stream`;
        return { code: 'too-large', message };
      }
      try {
        answer = { ack, bytes: new Uint8Array(length) };
      } catch {
        // A server may say what it likes, and there may be no bound.
        const message = `the answer has a body of ${length} bytes, and there is no memory for so many`;
        return { code: 'too-large', message };
      }
      return null;
    },
    data: (bytes) => {
      answer?.bytes.set(bytes, at);
      at += bytes.length;
    },
    done: () => {
      if (answer !== null) emit(answer);
    },
  };
}

function receiveArriving(pipeline: RequestPipeline, emit: (answer: ArrivingAnswer) => void): Receiver {
  const body = createArrivingBody(pipeline);
  return {
    acked: (ack, _, length) => {
      emit({ ack, ...body.arriving(length) });
      body.begun();
      return null;
    },
    data: body.data,
    done: body.ended,
    failed: body.failed,
    left: body.left,
  };
}
