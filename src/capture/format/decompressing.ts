/** One of zlib's decompressors, driven a step at a time: it makes nothing that was not asked for. */
import type { Transform } from 'node:stream';

/** Bytes in a block that is handed on. */
export const CHUNK = 256 * 1024;

export interface Decompressing {
  /** Gives it bytes; resolves when all that they become is there, or it has failed. */
  write(bytes: Uint8Array): Promise<void>;
  /** No more come. Resolves as `write` does. */
  end(): Promise<void>;
  /** What was made since the last time, in order. */
  made(): readonly Uint8Array[];
  /** What is wrong with the bytes; null while nothing is. */
  failure(): NodeJS.ErrnoException | null;
  /** It has ended by itself, where something else follows the compressed data. */
  isOver(): boolean;
  destroy(): void;
}

export function createDecompressing(stream: Transform): Decompressing {
  let ready: Uint8Array[] = [];
  let failure: NodeJS.ErrnoException | null = null;
  let over = false;
  /** Ends the wait for a step. After an error zlib does not: it drops the callback of the write. */
  let proceed: () => void = () => {};
  stream.on('data', (chunk: Uint8Array) => ready.push(chunk));
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
    made() {
      const chunks = ready;
      ready = [];
      return chunks;
    },
    failure: () => failure,
    isOver: () => over,
    destroy: () => stream.destroy(),
  };
}
