/**
 * Where a silent socket receives: memory that all silent sockets of the process share.
 *
 * A socket must know at all times where its next bytes go, and a slab of its own would cost an idle connection more than
 * everything else. So the bytes that come after a silence land in shared memory, and are copied into a slab of the
 * connection before anything else can be read:
 *
 * ```text
 *  a read                           the next one goes to
 *  fills what it could              a slab of the connection, as long as reads are long
 *  is short: nothing more waits     the shared memory, and is copied
 * ```
 *
 * Two sockets never have bytes in the shared memory at once. The system's call that writes to it and the callback that
 * copies from it are one piece of work of the event loop: libuv asks where, reads, and calls back, for one socket at a
 * time. That holds for a socket that Node reads by itself. TLS joins several pieces before they are emitted, and has slabs of
 * its own from the beginning.
 *
 * A connection gives its slabs up once they are not read into and all chunks of them were recycled. Some of them wait for
 * the next connection that needs any.
 */
import { createSlabs, READ_BYTES_MIN, type Slabs } from './slabs.ts';

/** A slab always has room for as many. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES_MIN);

/** Slabs that no connection uses, of 64 KiB each: as many wait at most. */
const SPARES_MAX = 16;
const spares: Slabs[] = [];

/** A class, so that thousands of idle connections share its functions. */
class LandingSlabs implements Slabs {
  /** The slabs of the connection; null while it needs none. */
  private own: Slabs | null = null;
  /** Whether the next read goes to the shared memory. */
  private isLanding = true;

  room(): Uint8Array {
    if (!this.isLanding) return this.own!.room();
    this.giveUp();
    return shared;
  }

  read(count: number): Uint8Array {
    this.own ??= spares.pop() ?? createSlabs();
    const { own, isLanding } = this;
    if (isLanding) own.room().set(count === shared.length ? shared : shared.subarray(0, count));
    this.isLanding = count < READ_BYTES_MIN;
    return own.read(count);
  }

  recycle(chunk: Uint8Array, count: number): void {
    this.own?.recycle(chunk, count);
    if (this.isLanding) this.giveUp();
  }

  pinsMemory(): boolean {
    return this.own?.pinsMemory() ?? false;
  }

  isUnused(): boolean {
    return this.own?.isUnused() ?? true;
  }

  close(): void {
    this.own?.close();
  }

  private giveUp(): void {
    const { own } = this;
    if (own === null || !own.isUnused()) return;
    this.own = null;
    own.close();
    if (spares.length < SPARES_MAX) spares.push(own);
  }
}

export const createLandingSlabs = (): Slabs => new LandingSlabs();
