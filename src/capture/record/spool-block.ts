/** A block of a spool: bytes for many files, one behind the other. */
import type { FileState } from './spool-files.ts';
import { createRoom, type Room } from './synthetic-packets.ts';

export const BLOCK_BYTES: number = 1024 * 1024;

/** Who lends bytes to a spool, which writes them from where they are. They must not change until they are repaid. */
export interface Lender {
  /** So many bytes were lent. */
  readonly lent: (bytes: number) => void;
  /** So many of them are written, or never will be. Never called within `SpoolFile.lend`. */
  readonly repaid: (bytes: number) => void;
}

/** Bytes of one file, without a gap: of the block, from one place to another, or lent ones. */
type Run =
  | { readonly file: FileState; readonly from: number; to: number; readonly lender: null }
  | { readonly file: FileState; readonly bytes: Uint8Array; readonly lender: Lender };

export interface Block {
  readonly room: Room;
  used: number;
  /** Lent bytes that belong between those of the block. */
  lent: number;
  /** The files whose bytes are in it, in order. Bounded by its size: no run of its own is smaller than 4 bytes. */
  runs: Run[];
  /** Files that end with it. */
  ended: FileState[];
}

export const createBlock = (): Block => ({
  room: createRoom(BLOCK_BYTES),
  used: 0,
  lent: 0,
  runs: [],
  ended: [],
});

/** Adds so many bytes of a file, which fit; returns where they begin. */
export function addRun(block: Block, file: FileState, bytes: number): number {
  const at = block.used;
  block.used += bytes;
  const last = block.runs.at(-1);
  if (last?.file === file && last.lender === null) last.to = block.used;
  else block.runs.push({ file, from: at, to: block.used, lender: null });
  return at;
}

/** Adds bytes of a file that are somewhere else. */
export function addLent(block: Block, file: FileState, bytes: Uint8Array, lender: Lender): void {
  block.lent += bytes.length;
  block.runs.push({ file, bytes, lender });
}

/** Makes a block empty, and repays what was lent. */
export function empty(block: Block): void {
  const { runs } = block;
  block.used = 0;
  block.lent = 0;
  block.runs = [];
  block.ended = [];
  for (const run of runs) if (run.lender !== null) run.lender.repaid(run.bytes.length);
}

/** The bytes of each file, in order. */
export function piecesPerFile(blocks: readonly Block[]): Map<FileState, Uint8Array[]> {
  const perFile = new Map<FileState, Uint8Array[]>();
  for (const { room, runs } of blocks) {
    for (const run of runs) {
      const pieces = perFile.get(run.file);
      const piece = run.lender === null ? room.bytes.subarray(run.from, run.to) : run.bytes;
      if (pieces === undefined) perFile.set(run.file, [piece]);
      else pieces.push(piece);
    }
  }
  return perFile;
}
