/**
 * Many names in order, in little more memory than their characters.
 *
 * They lie in blocks. A block is names in order, packed as bytes with a NUL between them, which no name has; and a few
 * names that came or went since, which are merged into it when they are many enough. So to add a name costs a search
 * among the blocks and its share of a merge, never a sort of all. The bytes lie outside the engine's heap, and are
 * written over in place: as strings, each merge would leave one behind that had lived too long to be collected soon.
 */
import { type PackedNames, pack, repack, unpack } from './packed-names.ts';

export interface SortedNames {
  /** Bytes of memory it takes, by arithmetic: see `sizes`. */
  readonly bytes: number;
  /** Adds a name that has no NUL; one that is there already is there once. */
  add(name: string): void;
  remove(name: string): void;
  has(name: string): boolean;
  /**
   * The names of one block, those from index `at` on being `from` and after; there may be none of those. `next` is where
   * to go on; undefined when there is no block behind. The names are shared, and not to be changed.
   */
  run(from: string): NameRun;
  /**
   * Drops the block with the last names, unless it is the only one.
   *
   * @returns the first of the names that it may have had; undefined when nothing was dropped.
   */
  dropLast(): string | undefined;
  /** Takes away the names from `from` on. */
  cut(from: string): SortedNames;
}

export interface NameRun {
  readonly names: readonly string[];
  readonly at: number;
  readonly next: string | undefined;
}

interface Block {
  /** Its names are this or after it, and before that of the next block; '' for the first. */
  from: string;
  packed: PackedNames;
  /** What came, or went (false), since it was packed. */
  readonly changes: Map<string, boolean>;
  changedBytes: number;
}

/** What arithmetic counts, in bytes. */
export const SIZES_BYTES = {
  /** A block besides its names. */
  block: 512,
  /** A changed name besides its characters: a string and its place in a map. */
  change: 64,
  /** A name of the block that was unpacked last: a slice and its place in a list. */
  unpacked: 40,
} as const;

/** Characters of a block: it is split when it has more, or more names than it may. */
const BLOCK_CHARS_MAX = 32 * 1024;
/** Which part of a block's names may have changed before they are merged. */
const CHANGED_SHARE_MAX = 1 / 8;

/** A copy that does not keep in memory what it was cut from. */
const copyOf = (name: string): string => Buffer.from(name, 'utf16le').toString('utf16le');

const newBlock = (from: string, names: readonly string[]): Block => ({
  from,
  packed: pack(names),
  changes: new Map(),
  changedBytes: 0,
});

const bytesOfBlock = ({ packed, changedBytes }: Block): number =>
  SIZES_BYTES.block + packed.bytes.length + changedBytes;

/** @param blocks in order, the first of which is from ''. */
function sortedBlocks(blocks: Block[], blockNamesMax: number): SortedNames {
  let bytes = 0;
  for (const block of blocks) bytes += bytesOfBlock(block);
  /** Many look at one block in turn: all who go through it page by page. */
  let unpacked: { readonly block: Block; readonly names: readonly string[] } | undefined;

  const indexOf = (name: string): number => lastNotAfter(name, blocks.length, (i) => blocks[i]!.from);

  function forgetUnpacked(block: Block): void {
    if (unpacked?.block !== block) return;
    bytes -= unpacked.names.length * SIZES_BYTES.unpacked;
    unpacked = undefined;
  }

  function change(name: string, isThere: boolean): void {
    const index = indexOf(name);
    const block = blocks[index]!;
    if (!block.changes.has(name)) {
      block.changedBytes += name.length + SIZES_BYTES.change;
      bytes += name.length + SIZES_BYTES.change;
    }
    block.changes.set(name, isThere);
    if (block.changes.size >= blockNamesMax * CHANGED_SHARE_MAX) mergeChanges(index);
  }

  /** Merges what changed, and splits the block if it has become too large. */
  function mergeChanges(index: number): void {
    const block = blocks[index]!;
    if (block.changes.size === 0) return;
    forgetUnpacked(block);
    bytes -= bytesOfBlock(block);
    const names = mergedNames(block);
    block.changes.clear();
    block.changedBytes = 0;
    const pieces = splitNames(names, blockNamesMax);
    block.packed = repack(block.packed, pieces[0]!);
    bytes += bytesOfBlock(block);
    const more = pieces.slice(1).map((piece) => newBlock(copyOf(piece[0]!), piece));
    for (const each of more) bytes += bytesOfBlock(each);
    if (more.length > 0) blocks.splice(index + 1, 0, ...more);
    else if (names.length === 0 && blocks.length > 1) removeEmpty(index);
  }

  function removeEmpty(index: number): void {
    bytes -= bytesOfBlock(blocks[index]!);
    blocks.splice(index, 1);
    blocks[0]!.from = '';
  }

  function namesAt(index: number): readonly string[] {
    const block = blocks[index]!;
    if (unpacked?.block !== block) {
      if (unpacked !== undefined) forgetUnpacked(unpacked.block);
      unpacked = { block, names: unpack(block.packed) };
      bytes += unpacked.names.length * SIZES_BYTES.unpacked;
    }
    return unpacked.names;
  }

  /** The block that a name belongs into, with nothing left to be merged. */
  function mergedIndexOf(name: string): number {
    mergeChanges(indexOf(name));
    return indexOf(name);
  }

  return {
    get bytes() {
      return bytes;
    },
    add: (name) => change(name, true),
    remove: (name) => change(name, false),
    has(name) {
      const block = blocks[indexOf(name)]!;
      const changed = block.changes.get(name);
      if (changed !== undefined) return changed;
      const names = namesAt(mergedIndexOf(name));
      return names[firstFrom(names, name)] === name;
    },
    run(from) {
      const index = mergedIndexOf(from);
      const names = namesAt(index);
      return { names, at: firstFrom(names, from), next: blocks[index + 1]?.from };
    },
    dropLast() {
      const last = blocks.length > 1 ? blocks.pop() : undefined;
      if (last === undefined) return undefined;
      forgetUnpacked(last);
      bytes -= bytesOfBlock(last);
      return last.from;
    },
    cut(from) {
      const index = mergedIndexOf(from);
      const block = blocks[index]!;
      const names = namesAt(index);
      const at = firstFrom(names, from);
      const right = newBlock('', names.slice(at));
      forgetUnpacked(block);
      const behind = blocks.splice(index + 1);
      bytes -= bytesOfBlock(block);
      for (const each of behind) bytes -= bytesOfBlock(each);
      block.packed = repack(block.packed, names.slice(0, at));
      bytes += bytesOfBlock(block);
      return sortedBlocks([right, ...behind], blockNamesMax);
    },
  };
}

/** The names of a block with what came and without what went, in order, each once. */
function mergedNames({ packed, changes }: Block): string[] {
  const all = unpack(packed);
  const areGone = [...changes.values()].includes(false);
  const names = areGone ? all.filter((name) => changes.get(name) !== false) : all;
  for (const [name, isThere] of changes) if (isThere) names.push(name);
  // Two runs in order, nearly: what the engine's sort is best at.
  names.sort();
  return names.filter((name, i) => name !== names[i - 1]);
}

/** The names in pieces that blocks can hold; one empty piece of no names. */
function splitNames(names: string[], namesMax: number): string[][] {
  let chars = names.length;
  for (const { length } of names) chars += length;
  if (names.length < 2 || (names.length <= namesMax && chars <= BLOCK_CHARS_MAX)) return [names];
  const half = names.length >> 1;
  return [...splitNames(names.slice(0, half), namesMax), ...splitNames(names.slice(half), namesMax)];
}

/** The last index of a list in order whose value is not after the name; 0 when there is none. */
export function lastNotAfter(name: string, length: number, valueAt: (index: number) => string): number {
  let low = 0;
  let high = length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (valueAt(middle) <= name) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The index of the first name that is `from` or after it; the length when there is none. */
export function firstFrom(names: readonly string[], from: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (names[middle]! < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Names in order.
 *
 * @param blockNamesMax names of one block at most; more make for less memory, and for more work by the name.
 * @param names those that are there to begin with, in any order.
 */
export function createSortedNames(blockNamesMax: number, names: Iterable<string> = []): SortedNames {
  const given = [...names].sort();
  const pieces = splitNames(
    given.filter((name, i) => name !== given[i - 1]),
    blockNamesMax,
  );
  const blocks = pieces.map((piece, i) => newBlock(i === 0 ? '' : copyOf(piece[0]!), piece));
  return sortedBlocks(blocks, blockNamesMax);
}
