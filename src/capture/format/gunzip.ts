/** Captures compressed with gzip, as Wireshark writes them: decompressed as they are read. */
import { createGunzip } from 'node:zlib';
import type { CaptureError, MakeCaptureError } from '../capture-fault.ts';
import { CHUNK_BYTES, createDecompressor } from './decompressor.ts';

/**
 * Compressed bytes that are decompressed at a time. Their output, a thousand times as much at most, is held until it is
 * asked for.
 */
const STEP_BYTES = 16 * 1024;

/**
 * Decompresses. Everything before a fault is handed out first, except before damage: zlib then drops the output of the
 * last step.
 *
 * @param errorOf makes what is thrown when the bytes are damaged or end early; positions are in the decompressed bytes.
 */
export async function* decompressGzip(
  blocks: AsyncIterable<Uint8Array>,
  errorOf: MakeCaptureError,
): AsyncGenerator<Uint8Array> {
  const gunzip = createDecompressor(createGunzip({ chunkSize: CHUNK_BYTES }));
  let position = 0;

  function* output(): Generator<Uint8Array> {
    for (const chunk of gunzip.takeOutput()) {
      position += chunk.length;
      yield chunk;
    }
    const error = gunzip.error();
    if (error !== null) throw toCaptureError(error);
  }

  const toCaptureError = (error: NodeJS.ErrnoException): CaptureError =>
    error.code === 'Z_BUF_ERROR'
      ? errorOf(
          'truncated',
          position,
          `at byte ${position} of what was compressed: the gzip data ends early`,
          error,
        )
      : errorOf(
          'damaged',
          position,
          `at byte ${position} of what was compressed: the gzip data is damaged: ${error.message}`,
          error,
        );

  try {
    for await (const block of blocks) {
      for (let at = 0; at < block.length; at += STEP_BYTES) {
        await gunzip.write(block.subarray(at, at + STEP_BYTES));
        yield* output();
        // Bytes behind the compressed data are ignored.
        if (gunzip.isOver()) return;
      }
    }
    await gunzip.end();
    yield* output();
  } finally {
    gunzip.destroy();
  }
}
