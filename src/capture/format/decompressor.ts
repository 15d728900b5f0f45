/** Drives one of zlib's decompressors a step at a time, so that it produces only what was asked for. */
import type { Transform } from 'node:stream';

/** Bytes in a block of output. */
export const CHUNK_BYTES = 256 * 1024;

export interface Decompressor {
  /** Writes bytes; resolves when all of their output is there, or it has failed. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the input. Resolves as `write` does. */
  end(): Promise<void>;
  /** Takes the output since the last call, in order. */
  takeOutput(): readonly Uint8Array[];
  /** The error in the bytes; null while there is none. */
  error(): NodeJS.ErrnoException | null;
  /** Whether the compressed data is over, although the input is not. */
  isOver(): boolean;
  destroy(): void;
}

export function createDecompressor(stream: Transform): Decompressor {
  let output: Uint8Array[] = [];
  let failure: NodeJS.ErrnoException | null = null;
  let over = false;
  /** Ends the wait for a step. Needed after an error, since zlib then drops the callback of the write. */
  let proceed: () => void = () => {};
  stream.on('data', (chunk: Uint8Array) => output.push(chunk));
  stream.on('error', (error) => {
    failure = error;
    proceed();
  });
  stream.on('end', () => {
    over = true;
    proceed();
  });
  const step = (begin: () => void): Promise<void> =>
    new Promise((resolve) => {
      proceed = resolve;
      begin();
    });

  return {
    write: (bytes) => step(() => stream.write(bytes, () => proceed())),
    end: () => step(() => stream.end()),
    takeOutput() {
      const chunks = output;
      output = [];
      return chunks;
    },
    error: () => failure,
    isOver: () => over,
    destroy: () => stream.destroy(),
  };
}
