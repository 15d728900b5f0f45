/** Decompresses gzip by what the browser has for it. */
import { unshared } from '../../../base/bytes.ts';
import type { MakeCaptureError } from '../../../capture/capture-fault.ts';

export async function* gunzipped(
  blocks: AsyncIterable<Uint8Array>,
  errorOf: MakeCaptureError,
): AsyncGenerator<Uint8Array> {
  const source = blocks[Symbol.asyncIterator]();
  /** A fault of the reading is no fault of what is compressed. */
  let unread: { readonly thrown: unknown } | null = null;
  const stored = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        try {
          const { done, value } = await source.next();
          if (done) controller.close();
          // A copy: it is decompressed while the memory is read into again.
          else controller.enqueue(unshared(value.slice()));
        } catch (thrown) {
          unread = { thrown };
          controller.error(thrown);
        }
      },
    },
    { highWaterMark: 1 },
  );
  const reader = stored.pipeThrough(new DecompressionStream('gzip')).getReader();
  let position = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      position += value.length;
      yield value;
    }
  } catch (error) {
    if (unread !== null) throw (unread as { readonly thrown: unknown }).thrown;
    const what = `at byte ${position} of what was compressed: the gzip data is damaged, ends early, or has more behind it`;
    throw errorOf('damaged', position, what, error);
  } finally {
    await reader.cancel().catch(() => {});
  }
}
