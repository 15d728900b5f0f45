/**
 * Many names in order, in little more memory than their characters.
 *
 * They are in blocks. A block has sorted names, packed as bytes with a NUL between them, which no name
 * contains, and a few recent changes, which are merged into it when they become many. So adding a name costs
 * a search among the blocks and a share of a merge, never a sort of all. The bytes are outside the engine's
 * heap and are overwritten in place: with strings, each merge would leave garbage that has lived too long to
 * be collected soon.
 */
import { type Block, bytesOfBlock, mergedNames, newBlock, SIZES_BYTES, splitNames } from './name-block.ts';
import { repack, unpack } from './packed-names.ts';

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

interface NameBlocks {
  /** In order; the first is from ''. */
  readonly blocks: Block[];
  readonly blockNamesMax: number;
  /** Bytes of memory that the blocks and the unpacked names take. */
  bytes: number;
  /** The block that was unpacked last: clients that list page by page often ask for the same one. */
  unpacked: { readonly block: Block; readonly names: readonly string[] } | undefined;
}

/** The share of a block's names that may change before they are merged. */
const CHANGED_SHARE_MAX = 1 / 8;

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

/** @param blocks in order; the first is from ''. */
function sortedBlocks(blocks: Block[], blockNamesMax: number): SortedNames {
  const sorted: NameBlocks = { blocks, blockNamesMax, bytes: 0, unpacked: undefined };
  for (const block of blocks) sorted.bytes += bytesOfBlock(block);
  return {
    get bytes() {
      return sorted.bytes;
    },
    add: (name) => change(sorted, name, true),
    remove: (name) => change(sorted, name, false),
    has: (name) => has(sorted, name),
    run: (from) => runFrom(sorted, from),
    dropLast: () => dropLast(sorted),
    cut: (from) => cut(sorted, from),
  };
}

function change(sorted: NameBlocks, name: string, isThere: boolean): void {
  const index = blockIndexOf(sorted, name);
  const block = sorted.blocks[index]!;
  if (!block.changes.has(name)) {
    block.changedBytes += name.length + SIZES_BYTES.change;
    sorted.bytes += name.length + SIZES_BYTES.change;
  }
  block.changes.set(name, isThere);
  if (block.changes.size >= sorted.blockNamesMax * CHANGED_SHARE_MAX) mergeChanges(sorted, index);
}

function has(sorted: NameBlocks, name: string): boolean {
  const changed = sorted.blocks[blockIndexOf(sorted, name)]!.changes.get(name);
  if (changed !== undefined) return changed;
  const names = namesAt(sorted, mergedIndexOf(sorted, name));
  return names[firstFrom(names, name)] === name;
}

function runFrom(sorted: NameBlocks, from: string): NameRun {
  const index = mergedIndexOf(sorted, from);
  const names = namesAt(sorted, index);
  return { names, at: firstFrom(names, from), next: sorted.blocks[index + 1]?.from };
}

function dropLast(sorted: NameBlocks): string | undefined {
  const { blocks } = sorted;
  const last = blocks.length > 1 ? blocks.pop() : undefined;
  if (last === undefined) return undefined;
  forgetUnpacked(sorted, last);
  sorted.bytes -= bytesOfBlock(last);
  return last.from;
}

function cut(sorted: NameBlocks, from: string): SortedNames {
  const { blocks, blockNamesMax } = sorted;
  const index = mergedIndexOf(sorted, from);
  const block = blocks[index]!;
  const names = namesAt(sorted, index);
  const at = firstFrom(names, from);
  const right = newBlock('', names.slice(at));
  forgetUnpacked(sorted, block);
  const behind = blocks.splice(index + 1);
  sorted.bytes -= bytesOfBlock(block);
  for (const each of behind) sorted.bytes -= bytesOfBlock(each);
  block.packed = repack(block.packed, names.slice(0, at));
  sorted.bytes += bytesOfBlock(block);
  return sortedBlocks([right, ...behind], blockNamesMax);
}

const blockIndexOf = ({ blocks }: NameBlocks, name: string): number =>
  lastNotAfter(name, blocks.length, (i) => blocks[i]!.from);

/** The index of the block of a name, after its changes were merged. */
function mergedIndexOf(sorted: NameBlocks, name: string): number {
  mergeChanges(sorted, blockIndexOf(sorted, name));
  return blockIndexOf(sorted, name);
}

/** Merges the changes of a block, and splits it if it is too large. */
function mergeChanges(sorted: NameBlocks, index: number): void {
  const { blocks, blockNamesMax } = sorted;
  const block = blocks[index]!;
  if (block.changes.size === 0) return;
  forgetUnpacked(sorted, block);
  sorted.bytes -= bytesOfBlock(block);
  const names = mergedNames(block);
  block.changes.clear();
  block.changedBytes = 0;
  const pieces = splitNames(names, blockNamesMax);
  block.packed = repack(block.packed, pieces[0]!);
  sorted.bytes += bytesOfBlock(block);
  const more = pieces.slice(1).map((piece) => newBlock(copyOf(piece[0]!), piece));
  for (const each of more) sorted.bytes += bytesOfBlock(each);
  if (more.length > 0) blocks.splice(index + 1, 0, ...more);
  else if (names.length === 0 && blocks.length > 1) removeEmpty(sorted, index);
}

function removeEmpty(sorted: NameBlocks, index: number): void {
  const { blocks } = sorted;
  sorted.bytes -= bytesOfBlock(blocks[index]!);
  blocks.splice(index, 1);
  blocks[0]!.from = '';
}

function namesAt(sorted: NameBlocks, index: number): readonly string[] {
  const block = sorted.blocks[index]!;
  if (sorted.unpacked?.block === block) return sorted.unpacked.names;
  if (sorted.unpacked !== undefined) forgetUnpacked(sorted, sorted.unpacked.block);
  const names = unpack(block.packed);
  sorted.unpacked = { block, names };
  sorted.bytes += names.length * SIZES_BYTES.unpacked;
  return names;
}

function forgetUnpacked(sorted: NameBlocks, block: Block): void {
  if (sorted.unpacked?.block !== block) return;
  sorted.bytes -= sorted.unpacked.names.length * SIZES_BYTES.unpacked;
  sorted.unpacked = undefined;
}

/** A copy of a name that does not keep the longer string in memory. */
const copyOf = (name: string): string => Buffer.from(name, 'utf16le').toString('utf16le');

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
