/**
 * The file system of an open disk store, and when an operation on it uses the thread pool.
 *
 * With durability `os` small operations run at once: a synchronous call costs a third of the processor time
 * of one through the pool, and a write right after the receive finds the bytes still in the cache. Operations
 * that free or read many bytes use the pool all the same, and while a core is idle those that write many. After a
 * write that had to wait, writes use the pool for a while too: then the disk is slower than the peer, and the event
 * loop must not wait for it.
 *
 * With durability `fsync` nothing that may wait for the disk runs on the event loop: adding one name to a
 * folder can wait for the whole journal. The lookups of lists alone begin there: they wait for no journal, and go to the
 * pool when one is late.
 */
import type { FileSystem } from '../file-system.ts';
import type { Cooldown } from './cooldown.ts';
import type { SpareCore } from './spare-core.ts';

/** The most bytes that one synchronous call frees on the file system. */
export const SYNC_FREE_BYTES_MAX = 8 * 1024 * 1024;

export interface IoState {
  readonly fs: FileSystem;
  /** Whether every operation that may wait for the disk uses the thread pool, however small. */
  readonly usesPool: boolean;
  /** Whether large writes use it all the same, while the event loop receives what follows. */
  readonly spareCore: SpareCore;
  /** While it lasts writes use the pool. It is in the time of `performance.now`. */
  cooldown: Cooldown;
  /** While it lasts the lookups of lists use the pool; in the same time. */
  lookups: Cooldown;
  /** Closes descriptors that are open but unused; returns whether there were any. */
  closeUnused: () => boolean;
}

/** Whether an operation that frees so many bytes uses the pool. */
export const freesInPool = ({ usesPool }: IoState, freed: number): boolean =>
  usesPool || freed > SYNC_FREE_BYTES_MAX;
