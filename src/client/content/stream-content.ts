/**
 * A stream as content to be sent: bytes that come once, from their start to their end.
 *
 * Nothing is taken from the stream before the sender has room for it, and then one chunk at a time. The last bytes are
 * passed on when the stream has ended, so that a stream with more bytes than its size is found out before all that its
 * size says is sent.
 */
import { messageOf } from '../../base/sluice-error.ts';
import { checkOptions, optional, wholeFrom } from '../../wire/argument.ts';
import { bytesOf } from '../../wire/bytes.ts';
import type { Content } from './content.ts';
import { ContentError } from './content-error.ts';
import { type ByteStream, checkStream, type StreamSource, streamSource } from './stream-source.ts';

/** The facts that a stream does not say of itself. `size` is needed. */
export interface StreamContentOptions {
  /** The bytes of the stream, all in all, from 0: the frame's header promises them before the first one is sent. */
  readonly size: number;
  /**
   * When it last changed, in whole milliseconds since 1970. The stored file gets it, unless the put names another.
   * Default none: the file gets the time at which it is stored.
   */
  readonly mtime?: number;
}

const RULES = {
  size: wholeFrom(0),
  mtime: optional(wholeFrom(Number.MIN_SAFE_INTEGER)),
};

/**
 * A stream of bytes: a `ReadableStream` of the web (the `body` of a `fetch`, say), a `Readable` of Node, or any other
 * async iterable of `Uint8Array`s.
 *
 * It cannot be read twice, and so is sent whole or not at all. An upload that breaks does not go on where it was
 * interrupted, and is not tried again once it has taken bytes from the stream: it errors with why it broke. Give
 * `upload` a function that opens a new stream instead, and each try sends that from its start. `verify` reads content
 * twice, and so takes no stream.
 *
 * A stream with fewer bytes than `size`, or with more, fails the put with a `ContentError` (`shortened`, `lengthened`),
 * and nothing of it is stored. So does one that fails itself (`unreadable`). When the put is given up or fails, the
 * stream is cancelled: by `cancel()`, Node's `destroy()`, or the iterator's `return()`.
 *
 * At most one chunk of the stream is in memory, beside what the connection is sending.
 *
 * @throws TypeError or RangeError for what is no such stream, and for a size that is no whole number of bytes.
 * @example
 * const { body, headers } = await fetch('https://example.net/a.bin');
 * const size = Number(headers.get('content-length'));
 * client.put('a.bin', streamContent(body!, { size })).subscribe({
 *   error: (error) => console.error(error.message),
 * });
 */
export function streamContent(stream: ByteStream, options: StreamContentOptions): Content {
  checkStream(stream);
  checkOptions('streamContent', options, RULES);
  const { size, mtime } = options;
  const state: StreamState = {
    size,
    source: streamSource(stream),
    position: 0,
    chunk: NOTHING,
    hasEnded: false,
    isFilling: false,
    fault: null,
    interrupt: () => {},
  };
  return {
    size,
    ...(mtime === undefined ? {} : { mtime }),
    readOnce: true,
    whenReady: (offset) => whenReady(state, offset),
    read: (offset, into) => {
      const ready = whenReady(state, offset);
      return ready === undefined ? take(state, into) : ready.then(() => take(state, into));
    },
    close: () => close(state),
  };
}

interface StreamState {
  readonly size: number;
  readonly source: StreamSource;
  /** How many bytes were passed on. */
  position: number;
  /** Bytes that were taken from the stream, and not passed on. */
  chunk: Uint8Array;
  hasEnded: boolean;
  isFilling: boolean;
  /** Why nothing more can be read. */
  fault: ContentError | null;
  /** Rejects what is waited for. */
  interrupt: (fault: ContentError) => void;
}

const NOTHING = new Uint8Array(0);

/** Whether bytes can be passed on: the last ones only behind the end of the stream. */
const isReady = ({ size, position, chunk, hasEnded }: StreamState): boolean =>
  hasEnded || (chunk.length > 0 && position + chunk.length < size);

function whenReady(state: StreamState, offset: number): Promise<void> | undefined {
  if (state.fault !== null) throw state.fault;
  if (offset !== state.position || state.isFilling) {
    const why = offset < state.position || state.isFilling ? 'and was read before' : 'from its start';
    throw new ContentError('read-once', `a stream can be read only once, ${why}`);
  }
  return isReady(state) ? undefined : fill(state);
}

async function fill(state: StreamState): Promise<void> {
  state.isFilling = true;
  try {
    while (!isReady(state)) add(state, await nextOf(state));
  } catch (thrown) {
    state.fault ??= thrown instanceof ContentError ? thrown : unreadable(thrown);
    throw state.fault;
  } finally {
    state.isFilling = false;
  }
}

const nextOf = (state: StreamState): Promise<unknown> =>
  new Promise((resolve, reject) => {
    state.interrupt = reject;
    state.source.next().then(resolve, reject);
  });

/** Takes what the stream has given: a chunk, or null for its end. */
function add(state: StreamState, given: unknown): void {
  const { size, position, chunk } = state;
  if (given === null) {
    state.hasEnded = true;
    const end = position + chunk.length;
    if (end === size) return;
    throw new ContentError('shortened', `the stream has ended after ${end} bytes, and its size says ${size}`);
  }
  const bytes = bytesOf(given as Uint8Array, 'a chunk of the stream');
  const end = position + chunk.length + bytes.length;
  if (end > size)
    throw new ContentError('lengthened', `the stream has at least ${end} bytes, and its size says ${size}`);
  // Behind bytes that wait for the end, only empty chunks come this far.
  if (bytes.length > 0) state.chunk = bytes;
}

function take(state: StreamState, into: Uint8Array): number {
  const { chunk } = state;
  const bytes = chunk.length > into.length ? chunk.subarray(0, into.length) : chunk;
  into.set(bytes);
  state.chunk = chunk.subarray(bytes.length);
  state.position += bytes.length;
  return bytes.length;
}

function close(state: StreamState): void {
  if (state.hasEnded) return;
  state.hasEnded = true;
  state.chunk = NOTHING;
  state.fault ??= new ContentError('read-once', 'a stream can be read only once, and was given up before');
  state.interrupt(state.fault);
  state.source.cancel();
}

const unreadable = (thrown: unknown): ContentError =>
  new ContentError('unreadable', `the stream failed: ${messageOf(thrown)}`, thrown);
