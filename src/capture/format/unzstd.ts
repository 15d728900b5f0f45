/** Captures compressed with Zstandard: decompressed as they are read, where Node can. */
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import type { CaptureError, MakeCaptureError } from '../capture-fault.ts';
import { CHUNK_BYTES, createDecompressor, type Decompressor } from './decompressor.ts';
import { createZstdFrames } from './zstd-frames.ts';

/** There since Node 22.15, and 23.8. */
const { createZstdDecompress } = zlib as {
  readonly createZstdDecompress?: (options: { readonly chunkSize: number }) => Transform;
};

/**
 * Decompresses. At most 1 MiB is made before it is asked for, and the decompressor holds the window that the data was
 * compressed with: 8 MiB usually, and never more than 128 MiB. Everything before a fault is handed out first.
 *
 * @param errorOf makes what is thrown when the bytes are damaged or end early, or this Node cannot decompress them;
 * positions are in the decompressed bytes.
 */
export async function* decompressZstd(
  blocks: AsyncIterable<Uint8Array>,
  errorOf: MakeCaptureError,
): AsyncGenerator<Uint8Array> {
  if (createZstdDecompress === undefined) {
    const what = `it is compressed with Zstandard, which Node ${process.versions.node} cannot read (22.15 and newer can): decompress it first (zstd -d)`;
    throw errorOf('not-a-capture', 0, what);
  }
  const frames = createZstdFrames();
  let position = 0;
  let frame: Decompressor | null = null;

  const toCaptureError = (error: NodeJS.ErrnoException): CaptureError =>
    error.code === 'ZSTD_error_frameParameter_windowTooLarge'
      ? errorOf(
          'unreadable',
          position,
          'its Zstandard window is over 128 MiB: decompress it first (zstd -d --long=31)',
          error,
        )
      : errorOf(
          'damaged',
          position,
          `at byte ${position} of what was compressed: the Zstandard data is damaged: ${error.message}`,
          error,
        );

  try {
    for await (const block of blocks) {
      for (const { bytes, last } of frames.take(block)) {
        frame ??= createDecompressor(createZstdDecompress({ chunkSize: CHUNK_BYTES }));
        await frame.write(bytes);
        for (const chunk of frame.takeOutput()) {
          position += chunk.length;
          yield chunk;
        }
        const error = frame.error();
        if (error !== null) throw toCaptureError(error);
        if (!last) continue;
        frame.destroy();
        frame = null;
      }
    }
    if (frames.isWhole()) return;
    const what = `at byte ${position} of what was compressed: the Zstandard data ends early`;
    throw errorOf('truncated', position, what);
  } finally {
    frame?.destroy();
  }
}
