/**
 * The memory that a recorded connection receives into, while the recording writes from it.
 *
 * The connection may receive into the memory of a chunk again once its reader has recycled all of it. A chunk that is
 * lent to a recording has a second reader, the disk. So what the first one recycles meanwhile is kept, and goes on to
 * the connection when nothing of that memory is lent any more.
 */
import type { Connection } from '../../transport/connection.ts';
import type { Lender } from './spool-block.ts';

export interface ReceivedMemory {
  /** Who lends a chunk. */
  readonly lenderOf: (chunk: Uint8Array) => Lender;
  /** As that of a connection. */
  readonly recycle: (chunk: Uint8Array, count: number) => void;
}

interface LentMemory {
  /** Bytes that are lent, and not repaid. */
  lent: number;
  /** What was recycled meanwhile: at most one entry for each chunk of the memory, or view of one, in a row. */
  readonly recycled: { readonly chunk: Uint8Array; count: number }[];
}

export function createReceivedMemory(connection: Pick<Connection, 'recycle'>): ReceivedMemory {
  /** Bounded by what may be lent at once. */
  const lentMemory = new Map<ArrayBufferLike, LentMemory>();

  function repaid(buffer: ArrayBufferLike, bytes: number): void {
    const memory = lentMemory.get(buffer)!;
    memory.lent -= bytes;
    if (memory.lent > 0) return;
    lentMemory.delete(buffer);
    for (const { chunk, count } of memory.recycled) connection.recycle?.(chunk, count);
  }

  return {
    lenderOf: ({ buffer }) => ({
      lent(bytes) {
        const memory = lentMemory.get(buffer);
        if (memory === undefined) lentMemory.set(buffer, { lent: bytes, recycled: [] });
        else memory.lent += bytes;
      },
      repaid: (bytes) => repaid(buffer, bytes),
    }),
    recycle(chunk, count) {
      const memory = lentMemory.get(chunk.buffer);
      if (memory === undefined) return connection.recycle?.(chunk, count);
      const last = memory.recycled.at(-1);
      if (last?.chunk === chunk) last.count += count;
      else memory.recycled.push({ chunk, count });
    },
  };
}
