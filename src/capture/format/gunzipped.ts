/** Captures compressed with gzip, as Wireshark writes them: decompressed as they are read. */
import { createGunzip } from 'node:zlib';
import type { CaptureFault, CaptureFaultCode } from '../capture-fault.ts';
import { CHUNK, createDecompressing } from './decompressing.ts';

/** Told by the first two bytes. */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/**
 * Compressed bytes that are decompressed at a time. What they may become, a thousand times as much at most, is held
 * until it is asked for.
 */
const STEP = 16 * 1024;

/**
 * Decompresses. Everything before a fault is handed out first, but where the data is damaged: zlib then keeps to
 * itself what it made of the last step.
 *
 * @param fault makes what is thrown when the bytes are damaged or end early; positions are in the decompressed bytes.
 */
export async function* gunzipped(
  blocks: AsyncIterable<Uint8Array>,
  fault: (code: CaptureFaultCode, position: number, what: string) => CaptureFault,
): AsyncGenerator<Uint8Array> {
  const gunzip = createDecompressing(createGunzip({ chunkSize: CHUNK }));
  let position = 0;

  function* handOut(): Generator<Uint8Array> {
    for (const chunk of gunzip.made()) {
      position += chunk.length;
      yield chunk;
    }
    const failure = gunzip.failure();
    if (failure !== null) throw faultOf(failure);
  }

  const faultOf = ({ code, message }: NodeJS.ErrnoException): CaptureFault =>
    code === 'Z_BUF_ERROR'
      ? fault('truncated', position, `at byte ${position} of what was compressed: the gzip data ends early`)
      : fault(
          'damaged',
          position,
          `at byte ${position} of what was compressed: the gzip data is damaged: ${message}`,
        );

  try {
    for await (const block of blocks) {
      for (let at = 0; at < block.length; at += STEP) {
        await gunzip.write(block.subarray(at, at + STEP));
        yield* handOut();
        // What follows the compressed data is passed over.
        if (gunzip.isOver()) return;
      }
    }
    await gunzip.end();
    yield* handOut();
  } finally {
    gunzip.destroy();
  }
}
