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

async function* storedBytes(
  blob: Blob,
  errorOf: MakeCaptureError,
  onRead: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const reader = blob.stream().getReader();
  let read = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        const what = 'the browser cannot read it: it may have been changed or removed since it was picked';
        throw errorOf('unreadable', read, what, error);
      });
      if (done) return;
      read += value.length;
      onRead(read);
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
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
