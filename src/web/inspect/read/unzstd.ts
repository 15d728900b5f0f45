/** Decompresses Zstandard, which no browser does by itself. */
import { Decompress } from 'fzstd';
import type { MakeCaptureError } from '../../../capture/capture-fault.ts';
import { createZstdFrames } from '../../../capture/format/zstd-frames.ts';

/** At most 1 MiB is made at a time, besides the window that the data was compressed with. */
export async function* unzstd(
  blocks: AsyncIterable<Uint8Array>,
  errorOf: MakeCaptureError,
): AsyncGenerator<Uint8Array> {
  const frames = createZstdFrames();
  let position = 0;
  let output: Uint8Array[] = [];
  let frame: Decompress | null = null;
  for await (const block of blocks) {
    for (const { bytes, last } of frames.take(block)) {
      frame ??= new Decompress((chunk) => output.push(chunk));
      try {
        // A copy: what is not yet a whole block is kept, while the memory is read into again.
        frame.push(bytes.slice(), last);
      } catch (error) {
        const what = `at byte ${position} of what was compressed: the Zstandard data is damaged, or needs too large a window: ${String(error)}`;
        throw errorOf('damaged', position, what, error);
      }
      const made = output;
      output = [];
      for (const chunk of made) {
        position += chunk.length;
        yield chunk;
      }
      if (last) frame = null;
    }
  }
  if (frames.isWhole()) return;
  const what = `at byte ${position} of what was compressed: the Zstandard data ends early`;
  throw errorOf('truncated', position, what);
}
