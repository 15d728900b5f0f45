/** A capture that somebody has picked: read as a stream, and decompressed as it is read. Nothing of it is kept. */
import { concatBytes } from '../../../base/bytes.ts';
import type { Capture } from '../../../capture/capture.ts';
import { CaptureError, type MakeCaptureError } from '../../../capture/capture-fault.ts';
import { isGzip } from '../../../capture/format/sniff.ts';
import { isZstd } from '../../../capture/format/zstd-frames.ts';
import { gunzipped } from './gunzipped.ts';
import { unzstd } from './unzstd.ts';

/**
 * @param onRead is called with how many bytes of the file were read.
 * @throws CaptureError `unreadable` by the iteration, when the browser cannot read the file: it may have changed since.
 */
export function blobCapture(blob: Blob, name: string, onRead: (bytes: number) => void = () => {}): Capture {
  const errorOf: MakeCaptureError = (code, position, what, cause) =>
    new CaptureError({ code, message: `${name}: ${what}`, position, after: 0 }, { cause });
  return {
    name,
    reused: true,
    async *blocks() {
      const blocks = storedBytes(blob, errorOf, onRead);
      try {
        const first = await firstBytes(blocks);
        const all = followedBy(first, blocks);
        if (isGzip(first)) yield* gunzipped(all, errorOf);
        else if (isZstd(first)) yield* unzstd(all, errorOf);
        else yield* all;
      } finally {
        await blocks.return(undefined);
      }
    },
  };
}

/**
 * Bytes that are read at a time, into the same memory again and again: new memory for each would be hundreds of megabytes
 * until a browser's collector comes to it.
 */
const BLOCK_BYTES = 1024 * 1024;

async function* storedBytes(
  blob: Blob,
  errorOf: MakeCaptureError,
  onRead: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const { next, cancel } = readerOf(blob.stream());
  let read = 0;
  try {
    for (;;) {
      const { done, value } = await next().catch((error: unknown) => {
        const what = 'the browser cannot read it: it may have been changed or removed since it was picked';
        throw errorOf('unreadable', read, what, error);
      });
      if (done) return;
      read += value.length;
      onRead(read);
      yield value;
    }
  } finally {
    await cancel().catch(() => {});
  }
}

interface BlockReader {
  /** The next block, which may be in the memory of the one before. */
  readonly next: () => Promise<ReadableStreamReadResult<Uint8Array>>;
  readonly cancel: () => Promise<void>;
}

function readerOf(stream: ReadableStream<Uint8Array>): BlockReader {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = stream.getReader({ mode: 'byob' });
  } catch {
    // Not every browser reads files into memory that is given.
    const plain = stream.getReader();
    return { next: () => plain.read(), cancel: () => plain.cancel() };
  }
  let memory = new ArrayBuffer(BLOCK_BYTES);
  return {
    async next() {
      const result = await reader.read(new Uint8Array(memory));
      if (result.value === undefined) return { done: true, value: undefined };
      memory = result.value.buffer;
      return result;
    },
    cancel: () => reader.cancel(),
  };
}

/** As many bytes as it takes to detect a compression, if there are so many. */
async function firstBytes(blocks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let first: Uint8Array = new Uint8Array(0);
  while (first.length < 4) {
    const { value, done } = await blocks.next();
    if (done) break;
    first = first.length === 0 ? value : concatBytes([first, value]);
  }
  return first;
}

async function* followedBy(first: Uint8Array, blocks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first;
  yield* blocks;
}
