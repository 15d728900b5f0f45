/**
 * Joins what a socket receives in one turn of the event loop, where the next piece is at hand already.
 *
 * For whoever receives, each chunk costs as much as a large one. So pieces that are likely to be followed by others wait
 * in a slab; [which ones](./piece-rules.ts) differs between TLS, which decrypts record by record, and the system's reads.
 *
 * ```text
 *  a piece                              is emitted
 *  that waits by its rule               when the turn is over, or the slab is full
 *  that does not                        at once, with what waits before it
 * ```
 *
 * While the reader is paused or has no subscriber nothing waits here: the socket's own buffer has it, so that the end of
 * the input comes behind it.
 */
import type { Socket } from 'node:net';
import { type ChunkReader, isFlowing } from '../chunk-reader.ts';
import type { PieceRule } from './piece-rules.ts';
import { READ_BYTES_MIN, type Slabs } from './slabs.ts';

const NO_ROOM = new Uint8Array(0);

/** Whose pieces they are. */
export interface Receiver {
  /** It may be replaced before the first piece. */
  readonly socket: Socket;
  readonly reader: ChunkReader;
}

/** A class, so that thousands of idle connections share its functions. */
export class Gathering {
  private readonly receiver: Receiver;
  private readonly slabs: Slabs;
  private readonly rule: PieceRule;
  private readonly emit: (chunk: Uint8Array) => void;
  /** The memory in which the next piece comes, behind `filled` bytes that wait. */
  private free: Uint8Array = NO_ROOM;
  private filled = 0;
  /** Whether the end of the turn is waited for. */
  private isDue = false;

  /** @param emit called with each chunk, while the reader flows. */
  constructor(receiver: Receiver, slabs: Slabs, rule: PieceRule, emit: (chunk: Uint8Array) => void) {
    this.receiver = receiver;
    this.slabs = slabs;
    this.rule = rule;
    this.emit = emit;
  }

  /** Where the next piece goes. To be called at first and after each `added`, and at no other time. */
  room(): Uint8Array {
    if (this.filled === 0) this.free = this.slabs.room();
    return this.free.subarray(this.filled, this.filled + this.rule.size);
  }

  /** Takes the piece of so many bytes that was put there. Returns whether the socket goes on reading. */
  added(count: number): boolean {
    const { receiver, rule } = this;
    this.filled += count;
    const waits = rule.waits(count, this.filled);
    if (!isFlowing(receiver.reader) || receiver.socket.readableLength > 0) {
      // Node goes on with what it had read before the pause; or what it has then is not emitted yet, though the reader
      // goes on, since a stream below does not wait for the next turn. Nothing else waited.
      receiver.socket.push(this.copyOfFilled());
    } else if (!waits || this.free.length - this.filled < READ_BYTES_MIN) {
      // So nothing waits in the memory that silent sockets share: it has no more room than that.
      this.flush();
    } else if (!this.isDue) {
      this.isDue = true;
      setImmediate(turnOver, this);
    }
    return isFlowing(receiver.reader);
  }

  /** The reader does not go on: gives what waits back to the socket. */
  pause(): void {
    if (this.filled > 0) this.receiver.socket.unshift(this.copyOfFilled());
  }

  /** Emits what waits. The caller calls it before it emits anything else. */
  flush(): void {
    if (this.filled > 0) this.emit(this.takeFilled());
  }

  turnOver(): void {
    this.isDue = false;
    this.flush();
  }

  /** What waits, for the socket's own buffer. It stays there for as long as the reader wishes, so it keeps no slab. */
  private copyOfFilled(): Buffer {
    const chunk = this.takeFilled();
    const copy = Buffer.from(chunk);
    this.slabs.recycle(chunk, chunk.length);
    return copy;
  }

  /** What waits, as a chunk. The next piece comes behind it, wherever the room after that is. */
  private takeFilled(): Uint8Array {
    const chunk = this.slabs.read(this.filled);
    this.free = this.free.subarray(this.filled);
    this.filled = 0;
    return chunk;
  }
}

const turnOver = (gathering: Gathering): void => gathering.turnOver();
