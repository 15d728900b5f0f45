/** The streams of all platforms as one: chunks that are asked for one by one, and a way to give the rest up. */
import type { ReadableLike } from '../../transport/web/web-streams-like.ts';
import { inWords } from '../../wire/argument.ts';

/** A `ReadableStream`, a `Readable` of Node, or another async iterable, whose chunks are bytes. */
export type ByteStream = ReadableLike | AsyncIterable<unknown>;

/** What a `Readable` of Node has besides. */
interface NodeStream {
  destroy(): unknown;
  on(event: 'error', listener: () => void): unknown;
}

export interface StreamSource {
  /** Answers the next chunk, whatever it is; null at the end. Nothing is taken from the stream before this is called. */
  readonly next: () => Promise<unknown>;
  /** Has the stream stop. What `next` waits for may never come. */
  readonly cancel: () => void;
}

/** @throws TypeError when it is no stream. */
export function checkStream(stream: unknown): void {
  if (isWebStream(stream) || isIterable(stream)) return;
  const words = 'a ReadableStream, a Readable of Node, or an async iterable of bytes';
  throw new TypeError(`streamContent: the stream must be ${words}, and is ${inWords(stream)}`);
}

export function streamSource(stream: ByteStream): StreamSource {
  // Not every browser can iterate over a ReadableStream.
  return isWebStream(stream) ? webSource(stream) : iterableSource(stream);
}

function webSource(stream: ReadableLike): StreamSource {
  let reader: ReturnType<ReadableLike['getReader']> | null = null;
  const lock = () => {
    reader ??= stream.getReader();
    return reader;
  };
  return {
    next: async () => {
      const { done, value } = await lock().read();
      return done ? null : value;
    },
    cancel: () => ignoreFault(async () => lock().cancel()),
  };
}

function iterableSource(stream: AsyncIterable<unknown>): StreamSource {
  let iterator: AsyncIterator<unknown> | null = null;
  const begun = () => {
    iterator ??= stream[Symbol.asyncIterator]();
    return iterator;
  };
  // Without a listener, an error that comes before the stream is read would end the program. Its iterator reports it too.
  if (isNodeStream(stream)) stream.on('error', () => {});
  return {
    next: async () => {
      const { done, value } = await begun().next();
      return done ? null : value;
    },
    cancel: () =>
      ignoreFault(async () => {
        // The iterator of a Readable that was not begun does not end it.
        if (isNodeStream(stream)) stream.destroy();
        else await begun().return?.();
      }),
  };
}

/** Nobody asks any more how the stream ends. */
function ignoreFault(work: () => Promise<unknown>): void {
  work().catch(() => {});
}

const isObject = (value: unknown): value is Readonly<Record<PropertyKey, unknown>> =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

const isWebStream = (value: unknown): value is ReadableLike =>
  isObject(value) && typeof value.getReader === 'function';

const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  isObject(value) && typeof value[Symbol.asyncIterator] === 'function';

const isNodeStream = (value: unknown): value is NodeStream =>
  isObject(value) && typeof value.destroy === 'function' && typeof value.on === 'function';
