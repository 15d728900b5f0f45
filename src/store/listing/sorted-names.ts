/**
 * Many names in order, in little more memory than their characters.
 *
 * They are in blocks. A block has sorted names, packed as bytes with a NUL between them, which no name
 * contains, and a few recent changes, which are merged into it when they become many. So adding a name costs
 * a search among the blocks and a share of a merge, never a sort of all. The bytes are outside the engine's
 * heap and are overwritten in place: with strings, each merge would leave garbage that has lived too long to
 * be collected soon.
 */
import { type PackedNames, pack, repack, unpack } from './packed-names.ts';

export interface SortedNames {
  /** Bytes of memory it takes, as calculated: see `SIZES_BYTES`. */
  readonly bytes: number;
  /** Adds a name without NUL. A name that exists already is not added twice. */
  add(name: string): void;
  remove(name: string): void;
  has(name: string): boolean;
  /**
   * The names of one block. Those from index `at` on are `from` or later; there may be none. `next` is where
   * the next block begins; undefined for the last. The array is shared and must not be changed.
   */
  run(from: string): NameRun;
  /**
   * Drops the block with the last names, unless it is the only one.
   *
   * @returns the first name that it may have had; undefined when nothing was dropped.
   */
  dropLast(): string | undefined;
  /** Removes the names from `from` on and returns them. */
  cut(from: string): SortedNames;
}

export interface NameRun {
  readonly names: readonly string[];
  readonly at: number;
  readonly next: string | undefined;
}

interface Block {
  /** Its names are this or later, and before that of the next block; '' for the first. */
  from: string;
  packed: PackedNames;
  /** The names that were added (true) or removed (false) since it was packed. */
  readonly changes: Map<string, boolean>;
  changedBytes: number;
}

/** The sizes that the calculation assumes. */
export const SIZES_BYTES = {
  /** A block without its names. */
  block: 512,
  /** A changed name without its characters: a string and its place in a map. */
  change: 64,
  /** A name of the block that was unpacked last: a slice and its place in a list. */
  unpacked: 40,
} as const;

/** The most characters of a block: it is split when it has more, or too many names. */
const BLOCK_CHARS_MAX = 32 * 1024;
/** The share of a block's names that may change before they are merged. */
const CHANGED_SHARE_MAX = 1 / 8;

/** A copy that does not keep the longer string in memory. */
const copyOf = (name: string): string => Buffer.from(name, 'utf16le').toString('utf16le');

const newBlock = (from: string, names: readonly string[]): Block => ({
  from,
  packed: pack(names),
  changes: new Map(),
  changedBytes: 0,
});

const bytesOfBlock = ({ packed, changedBytes }: Block): number =>
  SIZES_BYTES.block + packed.bytes.length + changedBytes;

/** @param blocks in order; the first is from ''. */
function sortedBlocks(blocks: Block[], blockNamesMax: number): SortedNames {
  let bytes = 0;
  for (const block of blocks) bytes += bytesOfBlock(block);
  /** The block that was unpacked last: clients that list page by page often ask for the same one. */
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

  /** Merges the changes of a block, and splits it if it is too large. */
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

  /** The index of the block of a name, after its changes were merged. */
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

/** The names of a block after its changes, in order, each once. */
function mergedNames({ packed, changes }: Block): string[] {
  const all = unpack(packed);
  const areGone = [...changes.values()].includes(false);
  const names = areGone ? all.filter((name) => changes.get(name) !== false) : all;
  for (const [name, isThere] of changes) if (isThere) names.push(name);
  // Two runs that are almost sorted: the engine's sort is best at these.
  names.sort();
  return names.filter((name, i) => name !== names[i - 1]);
}

/** The names in pieces that fit into blocks; one empty piece for no names. */
function splitNames(names: string[], namesMax: number): string[][] {
  let chars = names.length;
  for (const { length } of names) chars += length;
  if (names.length < 2 || (names.length <= namesMax && chars <= BLOCK_CHARS_MAX)) return [names];
  const half = names.length >> 1;
  return [...splitNames(names.slice(0, half), namesMax), ...splitNames(names.slice(half), namesMax)];
}

/** The last index of a sorted list whose value is not after the name; 0 when there is none. */
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

/** The index of the first name that is `from` or later; the length when there is none. */
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
 * Creates a set of sorted names.
 *
 * @param blockNamesMax the most names of a block; more need less memory, and more work per name.
 * @param names the initial names, in any order.
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
