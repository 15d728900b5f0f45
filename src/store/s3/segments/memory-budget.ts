/**
 * The memory of the segments under way: blocks, of which a node has a bounded number.
 *
 * When the budget has none left, a put sends what it has and goes on with one block beyond the budget, so no put waits for
 * another. And the put that holds most is asked to send too: a slow peer does not keep blocks from the others.
 */

/** A segment is gathered in pieces of this size. */
export const BLOCK_BYTES: number = 256 * 1024;
/** The most blocks that are kept for the next puts: new memory costs more than they do. */
const SPARES_MAX = 64;

/** A put that holds blocks. */
export interface BlockHolder {
  /** All blocks that it has. */
  held(): number;
  /** The blocks that it fills, without those of a segment that is being sent. */
  filled(): number;
  /** Sends what it has, soon. */
  relieve(): void;
}

export interface MemoryBudget {
  /** A block at once, if the budget has one or the holder has none; else undefined. */
  tryTake(holder: BlockHolder): Uint8Array | undefined;
  /** Gives blocks back. */
  give(blocks: readonly Uint8Array[]): void;
  join(holder: BlockHolder): void;
  leave(holder: BlockHolder): void;
  /** Bytes in use. */
  used(): number;
}

export function createMemoryBudget(bytes: number): MemoryBudget {
  const most = Math.max(1, Math.floor(bytes / BLOCK_BYTES));
  const holders = new Set<BlockHolder>();
  const spares: Uint8Array[] = [];
  let used = 0;

  /** Asks the put with most memory to send it. */
  function relieve(): void {
    let largest: BlockHolder | undefined;
    for (const holder of holders) if (holder.filled() > (largest?.filled() ?? 0)) largest = holder;
    largest?.relieve();
  }

  return {
    tryTake(holder) {
      if (used >= most && holder.held() > 0) {
        relieve();
        return undefined;
      }
      used++;
      return spares.pop() ?? new Uint8Array(BLOCK_BYTES);
    },
    give(blocks) {
      used -= blocks.length;
      for (const block of blocks) if (spares.length < SPARES_MAX) spares.push(block);
    },
    join: (holder) => void holders.add(holder),
    leave: (holder) => void holders.delete(holder),
    used: () => used * BLOCK_BYTES,
  };
}
