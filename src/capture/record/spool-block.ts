/** A block of a spool: bytes for many files, one behind the other. */
import type { FileState } from './spool-files.ts';
import type { Room } from './summed-room.ts';

export const BLOCK_BYTES: number = 1024 * 1024;

/** Bytes of one file, without a gap, from one place in the block to another. */
interface Run {
  readonly file: FileState;
  readonly from: number;
  to: number;
}

export interface Block {
  readonly room: Room;
  /** Whether it is used again. */
  readonly isKept: boolean;
  used: number;
  /** The files whose bytes are in it, in order. Bounded by its size: no run is smaller than 4 bytes. */
  runs: Run[];
  /** Files that end with it. */
  ended: FileState[];
}

export const createBlock = (room: Room, isKept: boolean): Block => ({
  room,
  isKept,
  used: 0,
  runs: [],
  ended: [],
});

/** Adds so many bytes of a file, which fit; returns where they begin. */
export function addRun(block: Block, file: FileState, bytes: number): number {
  const at = block.used;
  block.used += bytes;
  const last = block.runs.at(-1);
  if (last?.file === file) last.to = block.used;
  else block.runs.push({ file, from: at, to: block.used });
  return at;
}

export function empty(block: Block): void {
  block.used = 0;
  block.runs = [];
  block.ended = [];
}

/** The bytes of each file, in order. */
export function piecesPerFile(blocks: readonly Block[]): Map<FileState, Uint8Array[]> {
  const perFile = new Map<FileState, Uint8Array[]>();
  for (const { room, runs } of blocks) {
    for (const { file, from, to } of runs) {
      const pieces = perFile.get(file);
      const piece = room.bytes.subarray(from, to);
      if (pieces === undefined) perFile.set(file, [piece]);
      else pieces.push(piece);
    }
  }
  return perFile;
}
