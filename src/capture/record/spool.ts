/**
 * Bytes on their way to many files, in memory that is bounded however many there are.
 *
 * ```text
 *  block being filled       | a | b |   a   | c |            |
 *  blocks that wait         |     a      | b | a |  …
 *  under way to the disk    |     a      |    b    |          one writev a file
 * ```
 *
 * The bytes for all files go one behind the other into blocks. A full block, or one that has waited for a
 * moment, goes to the disk, and with it all others that wait: one `writev` a file, one round after the other, so
 * that the bytes of a file stay in order. Then the block is used again.
 *
 * Many bytes at once need not be copied into a block: they are lent, and written from where they are. They do not wait
 * for more, since whoever lends them wants their memory back: they go to the disk as soon as it has written what it
 * was given before, while the lender goes on.
 *
 * When more than `WAITING_HIGH_BYTES` wait, the spool is full: its watchers must stop writing until fewer than
 * `WAITING_LOW_BYTES` wait. Only files that are being written need a descriptor, so only the last few stay open.
 */
import {
  addLent,
  addRun,
  BLOCK_BYTES,
  type Block,
  createBlock,
  empty,
  type Lender,
  piecesPerFile,
} from './spool-block.ts';
import {
  closeFile,
  createSpoolFiles,
  type FileState,
  type SpoolFileOptions,
  type SpoolFiles,
  writePieces,
} from './spool-files.ts';
import type { Room } from './synthetic-packets.ts';

const MIB = 1024 * 1024;
/** The spool is full when more bytes wait. */
const WAITING_HIGH_BYTES = 4 * MIB;
/** The spool is full no more when fewer bytes wait. */
const WAITING_LOW_BYTES = 2 * MIB;
/** Blocks that are kept to be used again. */
const KEPT_BLOCKS_MAX = 8;
/** Milliseconds that bytes wait for more, before they are written. */
const FLUSH_DELAY_MS = 100;

/** Fewer bytes are not lent: to copy them costs less than a piece of a `writev`. */
const LENT_PIECE_BYTES_MIN = 16 * 1024;
/**
 * No more bytes are lent at once. A connection that receives into memory it used before has three pieces of 2 MiB of
 * it, and needs one of them to receive into.
 */
const LENT_BYTES_MAX = 2 * MIB;

export interface SpoolFile {
  readonly path: string;
  /**
   * Room for so many bytes, at most `BLOCK_BYTES`, which begins at `at`: all of them must be written before anything
   * else is done with the spool, since they count as written.
   */
  readonly room: (bytes: number) => { readonly room: Room; readonly at: number };
  /** Whether so many bytes may be lent now. */
  readonly mayLend: (bytes: number) => boolean;
  /** Takes bytes as they are, without copying them, if `mayLend` allows it. */
  readonly lend: (bytes: Uint8Array, lender: Lender) => void;
  /** Nothing more is written: the file is closed once all of it is on its way. */
  readonly end: () => void;
}

export interface Spool {
  /** A file that is made, for this user alone, once the first of its bytes go to the disk. */
  readonly file: (options: SpoolFileOptions) => SpoolFile;
  /** Writes what was lent, unless something is being written: then it follows. */
  readonly writeLent: () => void;
  /** Whether more waits than should. */
  readonly isFull: () => boolean;
  /**
   * Calls a function whenever that changes; returns a function that ends the calls. The first one may be called within
   * `room` or `lend`, and must not write then.
   */
  readonly watch: (changed: (full: boolean) => void) => () => void;
  /**
   * Resolves when all that was written is with the system and every file is closed; nothing may be written after it.
   */
  readonly close: () => Promise<void>;
}

interface SpoolState {
  readonly files: SpoolFiles;
  /** The block that is being filled. */
  current: Block;
  /** Blocks that wait. Bounded, since the watchers stop writing when the spool is full. */
  queue: Block[];
  /** Blocks to be used again: at most `KEPT_BLOCKS_MAX`. */
  readonly free: Block[];
  /** Bytes in blocks that wait, or are on their way to the disk; and all that are lent. */
  waiting: number;
  /** Bytes that are lent, and not repaid. */
  lent: number;
  isFull: boolean;
  /** The drain that is under way. */
  draining: Promise<void> | null;
  /** Flushes the current block when it has waited long enough. */
  timer: ReturnType<typeof setTimeout> | null;
  /** One for each connection that is recorded. */
  readonly watchers: Set<(full: boolean) => void>;
}

export function createSpool(): Spool {
  const spool: SpoolState = {
    files: createSpoolFiles(),
    current: createBlock(),
    queue: [],
    free: [],
    waiting: 0,
    lent: 0,
    isFull: false,
    draining: null,
    timer: null,
    watchers: new Set(),
  };
  return {
    file: (options) => addFile(spool, options),
    writeLent() {
      if (spool.current.lent > 0 && spool.draining === null) flush(spool);
    },
    isFull: () => spool.isFull,
    watch(changed) {
      spool.watchers.add(changed);
      return () => spool.watchers.delete(changed);
    },
    async close() {
      flush(spool);
      while (spool.draining !== null) await spool.draining;
      for (const file of [...spool.files.handles.keys()]) await closeFile(spool.files, file);
    },
  };
}

function addFile(spool: SpoolState, options: SpoolFileOptions): SpoolFile {
  const file: FileState = { options, isMade: false, hasFailed: false };
  return {
    path: options.path,
    room: (bytes) => reserve(spool, file, bytes),
    mayLend: (bytes) =>
      bytes >= LENT_PIECE_BYTES_MIN && spool.lent + bytes <= LENT_BYTES_MAX && !file.hasFailed,
    lend: (bytes, lender) => lend(spool, file, bytes, lender),
    end() {
      spool.current.ended.push(file);
      flushLater(spool);
    },
  };
}

/** Gives a file so many bytes of the current block; of the next one when they do not fit. */
function reserve(spool: SpoolState, file: FileState, bytes: number): { room: Room; at: number } {
  if (spool.current.used + bytes > BLOCK_BYTES) flush(spool);
  const { current } = spool;
  const at = addRun(current, file, bytes);
  flushLater(spool);
  return { room: current.room, at };
}

function lend(spool: SpoolState, file: FileState, bytes: Uint8Array, lender: Lender): void {
  addLent(spool.current, file, bytes, lender);
  lender.lent(bytes.length);
  spool.lent += bytes.length;
  addWaiting(spool, bytes.length);
  flushLater(spool);
}

function flushLater(spool: SpoolState): void {
  spool.timer ??= setTimeout(flush, FLUSH_DELAY_MS, spool);
}

function flush(spool: SpoolState): void {
  if (spool.timer !== null) clearTimeout(spool.timer);
  spool.timer = null;
  seal(spool);
  if (spool.draining === null && spool.queue.length > 0) spool.draining = drain(spool);
}

/** Lets the current block wait for the disk, and begins another. */
function seal(spool: SpoolState): void {
  const { current, free } = spool;
  if (current.runs.length === 0 && current.ended.length === 0) return;
  spool.queue.push(current);
  spool.current = free.pop() ?? createBlock();
  addWaiting(spool, current.used);
}

function addWaiting(spool: SpoolState, bytes: number): void {
  spool.waiting += bytes;
  if (spool.waiting > WAITING_HIGH_BYTES && !spool.isFull) setFull(spool, true);
}

function setFull(spool: SpoolState, isFull: boolean): void {
  spool.isFull = isFull;
  for (const changed of spool.watchers) changed(isFull);
}

/** Writes what waits, round after round, until nothing does. Never rejects. */
async function drain(spool: SpoolState): Promise<void> {
  while (spool.queue.length > 0) {
    const blocks = spool.queue;
    spool.queue = [];
    await writeBlocks(spool, blocks);
    for (const block of blocks) reuse(spool, block);
    if (spool.current.lent > 0) seal(spool);
    if (spool.isFull && spool.waiting < WAITING_LOW_BYTES) setFull(spool, false);
  }
  // At once: what is flushed between the last look into the queue and a later turn would wait for nobody.
  spool.draining = null;
}

function reuse(spool: SpoolState, block: Block): void {
  spool.waiting -= block.used + block.lent;
  spool.lent -= block.lent;
  empty(block);
  if (spool.free.length < KEPT_BLOCKS_MAX) spool.free.push(block);
}

async function writeBlocks({ files }: SpoolState, blocks: readonly Block[]): Promise<void> {
  await writePieces(files, piecesPerFile(blocks));
  for (const { ended } of blocks) {
    for (const file of ended) {
      await closeFile(files, file);
      file.options.closed?.();
    }
  }
}
