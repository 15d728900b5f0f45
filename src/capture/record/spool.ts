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
 * When more than `WAITING_HIGH_BYTES` wait, the spool is full: its watchers must stop writing until fewer than
 * `WAITING_LOW_BYTES` wait. Only files that are being written need a descriptor, so only the last few stay open.
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

/** The most bytes that `SpoolFile.room` can be asked for. */
export const ROOM_BYTES_MAX: number = BLOCK_BYTES;

export interface SpoolFile {
  readonly path: string;
  /**
   * Room for so many bytes, a multiple of 4, which begins at `at`: all of them must be written before anything else
   * is done with the spool, since they count as written.
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
  /** Blocks that wait. Bounded, since the watchers stop writing when the spool is full. */
  queue: Block[];
  /** Blocks to be used again: at most `KEPT_BLOCKS_MAX`. */
  readonly free: Block[];
  /** Bytes in blocks that wait, or are on their way to the disk. */
  waiting: number;
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
    isFull: false,
    draining: null,
    timer: null,
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
  spool.timer ??= setTimeout(flush, FLUSH_DELAY_MS, spool);
}

function flush(spool: SpoolState): void {
  if (spool.timer !== null) clearTimeout(spool.timer);
  spool.timer = null;
  seal(spool);
  spool.draining ??= drain(spool).finally(() => {
    spool.draining = null;
  });
}

/** Lets the current block wait for the disk, and begins another. */
function seal(spool: SpoolState): void {
  const { current, free } = spool;
  if (current.runs.length === 0 && current.ended.length === 0) return;
  spool.queue.push(current);
  spool.waiting += current.used;
  spool.current = free.pop() ?? createBlock();
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
    if (spool.isFull && spool.waiting < WAITING_LOW_BYTES) setFull(spool, false);
  }
}

function reuse(spool: SpoolState, block: Block): void {
  spool.waiting -= block.used;
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
