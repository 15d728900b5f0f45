/** A pair of Web Streams as a `Connection`: WebTransport, a serial port, a worker, a `TransformStream`. */
import { checkFields, checkOptions, FUNCTION, optional, TEXT, withMethods } from '../../wire/argument.ts';
import { chunksOf } from '../chunk-reader.ts';
import type { Address, Connection, ConnectionFault } from '../connection.ts';
import { createStreamPair, destroy, end, flow } from './stream-pair.ts';
import { streamFault, type WebStreams } from './web-streams-like.ts';

/** How `fromWebStreams` names the connection and its faults. All may be left out. */
export interface WebStreamsOptions {
  /** The connection's id, unique in this process; default `streams:` and a number. */
  readonly id?: string;
  /** Our end; default the id. */
  readonly local?: Address;
  /** The peer's end; default `unknown`. */
  readonly remote?: Address;
  /**
   * Turns what a stream errors with into a fault. By default an error of a system has the system's code, and every
   * other one is a `reset`: a stream that errors was dropped by its other end.
   */
  readonly faultOf?: (error: unknown) => ConnectionFault;
}

const READABLE = withMethods('a ReadableStream', ['getReader']);
const WRITABLE = withMethods('a WritableStream', ['getWriter']);

let made = 0;

/**
 * Wraps two streams, which from then on belong to the connection and are locked. `readable` must emit `Uint8Array`s;
 * anything else is a fault `failed` that drops the connection.
 *
 * It reads nothing before `chunks$` has a subscriber. While paused it holds at most one chunk, and what the stream
 * itself reads ahead. A write settles when the stream has taken it: how much is on its way then is the stream's
 * business (its high-water mark). `destroy` cancels the one and aborts the other. A stream that errors drops what it
 * still held, as Web Streams do, so that bytes that came shortly before a reset may be lost.
 *
 * @throws TypeError when an argument is of the wrong kind, or a stream is locked.
 * @example
 * const transport = new WebTransport('https://example.net/');
 * const connection = fromWebStreams(await transport.createBidirectionalStream());
 */
export function fromWebStreams(streams: WebStreams, options: WebStreamsOptions = {}): Connection {
  checkFields('fromWebStreams', streams, { readable: READABLE, writable: WRITABLE });
  checkOptions('fromWebStreams', options, {
    id: optional(TEXT),
    local: optional(TEXT),
    remote: optional(TEXT),
    faultOf: optional(FUNCTION),
  });
  const { id = `streams:${++made}`, faultOf = streamFault } = options;
  const pair = createStreamPair(streams, faultOf);
  const { reader, outbox, closed$ } = pair;
  const flowNow = () => flow(pair);
  return {
    id,
    local: options.local ?? id,
    remote: options.remote ?? 'unknown',
    chunks$: chunksOf(reader, () => queueMicrotask(flowNow)),
    closed$: closed$.asObservable(),
    write: outbox.write,
    pause: () => {
      reader.isPaused = true;
    },
    resume: () => {
      reader.isPaused = false;
      queueMicrotask(flowNow);
    },
    end: () => end(pair),
    destroy: () => destroy(pair),
  };
}
