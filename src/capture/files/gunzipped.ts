/** Captures compressed with gzip, as Wireshark writes them: decompressed as they are read. */
import { createGunzip } from 'node:zlib';
import type { CaptureFault, CaptureFaultCode } from '../capture-fault.ts';

/** Told by the first two bytes. */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/**
 * Compressed bytes that are decompressed at a time. What they may become, a thousand times as much at most, is held
 * until it is asked for.
 */
const STEP = 16 * 1024;

/** Bytes in a block that is handed on. */
const CHUNK = 256 * 1024;

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
  const gunzip = createGunzip({ chunkSize: CHUNK });
  let ready: Uint8Array[] = [];
  let position = 0;
  let failure: NodeJS.ErrnoException | null = null;
  gunzip.on('data', (chunk: Uint8Array) => ready.push(chunk));
  /** Ends the wait for a step. After an error zlib does not: it drops the callback of the write. */
  let proceed: () => void = () => {};
  gunzip.on('error', (error) => {
    failure = error;
    proceed();
  });
  /** It has ended by itself, where something else follows the compressed data: that is passed over. */
  let over = false;
  gunzip.on('end', () => {
    over = true;
    proceed();
  });
  const step = (begin: () => void): Promise<void> =>
    new Promise((resolve) => {
      proceed = resolve;
      begin();
    });

  function* handOut(): Generator<Uint8Array> {
    const chunks = ready;
    ready = [];
    for (const chunk of chunks) {
      position += chunk.length;
      yield chunk;
    }
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
        await step(() => gunzip.write(block.subarray(at, at + STEP), () => proceed()));
        yield* handOut();
        if (over) return;
      }
    }
    await step(() => gunzip.end());
    yield* handOut();
  } finally {
    gunzip.destroy();
  }
}
