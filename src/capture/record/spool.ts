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
 * All bytes are copied. To lend the disk what a connection received would cost as much: it must be copied to be summed,
 * and what is copied here is summed where it lies. So the connection has its memory back at once.
 *
 * When more than `WAITING_BYTES_MAX` wait, the spool is full: its watchers must stop writing until it is not. Only
 * files that are being written need a descriptor, so only the last few stay open.
 */
import { addRun, BLOCK_BYTES, type Block, createBlock, empty, piecesPerFile } from './spool-block.ts';
import {
  closeFile,
  createSpoolFiles,
  type FileState,
  type SpoolFileOptions,
  type SpoolFiles,
  writePieces,
} from './spool-files.ts';
import { createRoom, createSummedRooms, type Room } from './summed-room.ts';

/**
 * The spool is full while more bytes wait, and not until all of them are written. A socket is read many times in one turn
 * of the event loop, so the disk has mostly finished a round by then, and writes the next one while more comes.
 */
const WAITING_BYTES_MAX = 6 * BLOCK_BYTES;
/** As many blocks as a full spool has, with the one that is being filled. */
const KEPT_BLOCKS = 8;
/** Milliseconds that bytes wait for more, before they are written. */
const FLUSH_DELAY_MS = 100;

export interface SpoolFile {
  readonly path: string;
  /**
   * Room for so many bytes, at most `BLOCK_BYTES`, which begins at `at`: all of them must be written before anything
   * else is done with the spool, since they count as written.
   */
  readonly room: (bytes: number) => { readonly room: Room; readonly at: number };
  /** Nothing more is written: the file is closed once all of it is on its way. */
  readonly end: () => void;
}

export interface Spool {
  /** A file that is made, for this user alone, once the first of its bytes go to the disk. */
  readonly file: (options: SpoolFileOptions) => SpoolFile;
  /** Whether more waits than should. */
  readonly isFull: () => boolean;
  /**
   * Calls a function whenever that changes; returns a function that ends the calls. The first one may be called within
   * `room`, and must not write then.
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
  /** Blocks that wait. Bounded, since the watchers stop writing when the spool is full, and all but one are nearly full. */
  queue: Block[];
  /** Blocks to be used again: those that are kept, at most. */
  readonly free: Block[];
  /** Bytes in blocks that wait, or are on their way to the disk. */
  waiting: number;
  isFull: boolean;
  /** The drain that is under way. */
  draining: Promise<void> | null;
  /** Flushes the current block when it has waited long enough. */
  timer: ReturnType<typeof setTimeout> | null;
  /** Whether the current block has waited long enough, and goes to the disk with the next round. */
  isDue: boolean;
  /** One for each connection that is recorded. */
  readonly watchers: Set<(full: boolean) => void>;
}

export function createSpool(): Spool {
  const free = createSummedRooms(KEPT_BLOCKS, BLOCK_BYTES).map((room) => createBlock(room, true));
  const spool: SpoolState = {
    files: createSpoolFiles(),
    current: free.pop()!,
    queue: [],
    free,
    waiting: 0,
    isFull: false,
    draining: null,
    timer: null,
    isDue: false,
    watchers: new Set(),
  };
  return {
    file: (options) => addFile(spool, options),
    isFull: () => spool.isFull,
    watch(changed) {
      spool.watchers.add(changed);
      return () => spool.watchers.delete(changed);
    },
    async close() {
      if (spool.timer !== null) clearTimeout(spool.timer);
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

function flushLater(spool: SpoolState): void {
  spool.timer ??= setTimeout(flushDue, FLUSH_DELAY_MS, spool);
}

/** Also writes what has come since a block was flushed because it was full, and has not waited for as long. */
function flushDue(spool: SpoolState): void {
  spool.timer = null;
  // While the disk works the block goes on being filled: however long that takes, no more blocks wait than are full.
  if (spool.draining !== null) spool.isDue = true;
  else flush(spool);
}

function flush(spool: SpoolState): void {
  seal(spool);
  if (spool.draining === null && spool.queue.length > 0) spool.draining = drain(spool);
}

/** Lets the current block wait for the disk, and begins another. */
function seal(spool: SpoolState): void {
  const { current, free } = spool;
  spool.isDue = false;
  if (current.runs.length === 0 && current.ended.length === 0) return;
  spool.queue.push(current);
  // All are in use while many connections have written to a spool that is full.
  spool.current = free.pop() ?? createBlock(createRoom(BLOCK_BYTES), false);
  spool.waiting += current.used;
  if (spool.waiting > WAITING_BYTES_MAX && !spool.isFull) setFull(spool, true);
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
    // While others wait before it, it goes on being filled: else the spool would be full again by what is not.
    if (spool.isDue && spool.queue.length === 0) seal(spool);
    if (spool.isFull && spool.waiting <= WAITING_BYTES_MAX) setFull(spool, false);
  }
  // At once: what is flushed between the last look into the queue and a later turn would wait for nobody.
  spool.draining = null;
}

function reuse(spool: SpoolState, block: Block): void {
  spool.waiting -= block.used;
  empty(block);
  if (block.isKept) spool.free.push(block);
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
