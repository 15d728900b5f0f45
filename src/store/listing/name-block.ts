/** A block of sorted names: they are packed, beside a few changes that are merged into them later. */
import { type PackedNames, pack, unpack } from './packed-names.ts';

export interface Block {
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

export const newBlock = (from: string, names: readonly string[]): Block => ({
  from,
  packed: pack(names),
  changes: new Map(),
  changedBytes: 0,
});

export const bytesOfBlock = ({ packed, changedBytes }: Block): number =>
  SIZES_BYTES.block + packed.bytes.length + changedBytes;

/** The names of a block after its changes, in order, each once. */
export function mergedNames({ packed, changes }: Block): string[] {
  const all = unpack(packed);
  const areGone = [...changes.values()].includes(false);
  const names = areGone ? all.filter((name) => changes.get(name) !== false) : all;
  for (const [name, isThere] of changes) if (isThere) names.push(name);
  // Two runs that are almost sorted: the engine's sort is best at these.
  names.sort();
  return names.filter((name, i) => name !== names[i - 1]);
}

/** The names in pieces that fit into blocks; one empty piece for no names. */
export function splitNames(names: string[], namesMax: number): string[][] {
  let chars = names.length;
  for (const { length } of names) chars += length;
  if (names.length < 2 || (names.length <= namesMax && chars <= BLOCK_CHARS_MAX)) return [names];
  const half = names.length >> 1;
  return [...splitNames(names.slice(0, half), namesMax), ...splitNames(names.slice(half), namesMax)];
}
