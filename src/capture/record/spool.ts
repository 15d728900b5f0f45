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
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { createRoom, type Room } from './synthetic-packets.ts';

const MiB = 1024 * 1024;
const BLOCK_BYTES = MiB;
/** The spool is full when more bytes wait than the first, until fewer wait than the second. */
const [WAITING_HIGH_BYTES, WAITING_LOW_BYTES] = [4 * MiB, 2 * MiB];
/** Blocks that are kept to be used again. */
const KEPT_BLOCKS_MAX = 8;
/** Files that are kept open, and files that are written to at once. */
const [OPEN_FILES_MAX, CONCURRENT_WRITES_MAX] = [32, 8];
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

export interface SpoolFileOptions {
  readonly path: string;
  /** Whether a file that is there already is a failure, rather than replaced. */
  readonly exclusive: boolean;
  /** Called at most once, when it cannot be made or written to: nothing more of it will be. Not within `room`. */
  readonly failed: (error: unknown) => void;
  /** Called once it was ended, and all of it is written, or has failed. */
  readonly closed?: () => void;
}

export interface Spool {
  /** A file that is made, for this user alone, once the first of its bytes go to the disk. */
  readonly file: (options: SpoolFileOptions) => SpoolFile;
  /** Whether more waits than should. */
  readonly isFull: () => boolean;
  /**
   * Has a function called whenever that changes; answers how to stop that. It may be called within `room` to say that
   * more waits than should, and must not write then.
   */
  readonly watch: (changed: (full: boolean) => void) => () => void;
  /**
   * Resolves when all that was written is with the system and every file is closed; nothing may be written after it.
   */
  readonly close: () => Promise<void>;
}

interface Run {
  readonly file: FileState;
  readonly from: number;
  to: number;
}

interface Block {
  readonly room: Room;
  used: number;
  /** The files whose bytes are in it, in order. Bounded by its size: no run is smaller than a packet. */
  runs: Run[];
  /** Files that end with it. */
  ended: FileState[];
}

interface FileState {
  readonly options: SpoolFileOptions;
  made: boolean;
  failed: boolean;
}

export function createSpool(): Spool {
  let current = newBlock();
  /** Full blocks. Bounded, since the watchers stop writing when the spool is full. */
  let queue: Block[] = [];
  const free: Block[] = [];
  let waiting = 0;
  let full = false;
  let draining: Promise<void> | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  /** The files that are open, the one written to last at the end. */
  const handles = new Map<FileState, FileHandle>();
  /** Those of them that are being written to: at most `CONCURRENT_WRITES_MAX`. */
  const busy = new Set<FileState>();
  const watchers = new Set<(full: boolean) => void>();

  function newBlock(): Block {
    return { room: createRoom(BLOCK_BYTES), used: 0, runs: [], ended: [] };
  }

  function seal(): void {
    if (current.runs.length === 0 && current.ended.length === 0) return;
    queue.push(current);
    waiting += current.used;
    current = free.pop() ?? newBlock();
    if (waiting > WAITING_HIGH_BYTES && !full) setFull(true);
  }

  function setFull(now: boolean): void {
    full = now;
    for (const changed of watchers) changed(now);
  }

  function flush(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    seal();
    draining ??= drain().finally(() => {
      draining = null;
    });
  }

  /** Writes what waits, round after round, until nothing does. Never rejects. */
  async function drain(): Promise<void> {
    while (queue.length > 0) {
      const blocks = queue;
      queue = [];
      await writeAll(blocks);
      for (const block of blocks) {
        waiting -= block.used;
        block.used = 0;
        block.runs = [];
        block.ended = [];
        if (free.length < KEPT_BLOCKS_MAX) free.push(block);
      }
      if (full && waiting < WAITING_LOW_BYTES) setFull(false);
    }
  }

  async function writeAll(blocks: readonly Block[]): Promise<void> {
    const perFile = new Map<FileState, Uint8Array[]>();
    for (const { room, runs } of blocks) {
      for (const { file, from, to } of runs) {
        const pieces = perFile.get(file);
        const piece = room.bytes.subarray(from, to);
        if (pieces === undefined) perFile.set(file, [piece]);
        else pieces.push(piece);
      }
    }
    const files = perFile.entries();
    const writer = async (): Promise<void> => {
      for (const [file, pieces] of files) await write(file, pieces);
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENT_WRITES_MAX, perFile.size) }, writer));
    for (const { ended } of blocks) {
      for (const file of ended) {
        await close(file);
        file.options.closed?.();
      }
    }
  }

  /** Closes the one that was written to longest ago, but none that is being written to. */
  async function closeOne(): Promise<void> {
    for (const file of handles.keys()) if (!busy.has(file)) return close(file);
  }

  async function write(file: FileState, pieces: Uint8Array[]): Promise<void> {
    if (file.failed) return;
    busy.add(file);
    try {
      const handle = handles.get(file) ?? (await opened(file));
      handles.delete(file);
      handles.set(file, handle);
      await writeWhole(handle, pieces);
    } catch (error) {
      file.failed = true;
      await close(file);
      file.options.failed(error);
    }
    busy.delete(file);
    if (handles.size > OPEN_FILES_MAX) await closeOne();
  }

  async function opened(file: FileState): Promise<FileHandle> {
    const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_TRUNC } = constants;
    const make = O_CREAT | (file.options.exclusive ? O_EXCL : O_TRUNC);
    // Without O_CREAT when it was made before: one that somebody has removed stays so.
    const handle = await open(file.options.path, O_WRONLY | O_APPEND | (file.made ? 0 : make), 0o600);
    file.made = true;
    return handle;
  }

  async function close(file: FileState): Promise<void> {
    const handle = handles.get(file);
    handles.delete(file);
    try {
      await handle?.close();
    } catch (error) {
      // Some file systems report a failed write only here.
      if (!file.failed) file.options.failed(error);
      file.failed = true;
    }
  }

  return {
    file(options) {
      const state: FileState = { options, made: false, failed: false };
      return {
        path: options.path,
        room(bytes) {
          if (current.used + bytes > BLOCK_BYTES) flush();
          const block = current;
          const at = block.used;
          block.used += bytes;
          const last = block.runs.at(-1);
          if (last?.file === state) last.to = block.used;
          else block.runs.push({ file: state, from: at, to: block.used });
          timer ??= setTimeout(flush, FLUSH_DELAY_MS);
          return { room: block.room, at };
        },
        end() {
          current.ended.push(state);
          timer ??= setTimeout(flush, FLUSH_DELAY_MS);
        },
      };
    },
    isFull: () => full,
    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
    async close() {
      flush();
      while (draining !== null) await draining;
      for (const file of [...handles.keys()]) await close(file);
    },
  };
}

/** The system may take less than it was given, and says why only when it is given the rest. */
async function writeWhole(handle: FileHandle, pieces: Uint8Array[]): Promise<void> {
  let left = pieces;
  while (left.length > 0) {
    let { bytesWritten: written } = await handle.writev(left);
    let whole = 0;
    while (whole < left.length && written >= left[whole]!.length) written -= left[whole++]!.length;
    left = left.slice(whole);
    if (written > 0 && left[0] !== undefined) left[0] = left[0].subarray(written);
  }
}
