/**
 * What a sync has to do: two trees, compared by name.
 *
 *   source    destination   is
 *   a         -             sent
 *   a         a, the same   unchanged
 *   a         a, another    sent, and replaces it
 *   -         a             left, or with --delete removed
 */

/** A file of one side. */
export interface TreeFile {
  /** Its name below the folder that is synced, parts divided by `/`. */
  readonly name: string;
  readonly size: number;
  /** When it last changed, in milliseconds since 1970. */
  readonly mtime: number;
}

export type Reason = 'new' | 'size' | 'time' | 'checksum';

/** A file to transfer, and in what it differs from the one that is there. */
export interface Difference<F extends TreeFile> {
  readonly file: F;
  readonly reason: Reason;
}

export interface SyncPlan<S extends TreeFile, D extends TreeFile> {
  readonly transfers: readonly Difference<S>[];
  /** Files of the destination that the source does not have. */
  readonly extra: readonly D[];
  /** Those of them that must go before a file can come: a file where a folder is needed, or the reverse. */
  readonly inTheWay: readonly D[];
  /** Files that are the same on both sides. */
  readonly unchanged: number;
}

/**
 * File systems and JavaScript's numbers round a time, each in its own way: times that are no further apart, in
 * milliseconds, are the same.
 */
const TIME_SLACK_MS = 1;

export const sameTime = (one: number, other: number): boolean => Math.abs(one - other) <= TIME_SLACK_MS;

/** Two files of one name and size. */
export interface Pair<S, D> {
  readonly source: S;
  readonly destination: D;
}

/** Tells of each pair whether the content is the same. */
export type SameContent<S, D> = (
  pairs: readonly Pair<S, D>[],
) => readonly boolean[] | Promise<readonly boolean[]>;

/** Compares by time those that have one size. */
export const byTime: SameContent<TreeFile, TreeFile> = (pairs) =>
  pairs.map(({ source, destination }) => sameTime(source.mtime, destination.mtime));

export async function compareTrees<S extends TreeFile, D extends TreeFile>(
  source: readonly S[],
  destination: readonly D[],
  same: { readonly why: 'time' | 'checksum'; readonly content: SameContent<S, D> },
): Promise<SyncPlan<S, D>> {
  const there = new Map(destination.map((file) => [file.name, file]));
  const reasons = new Map<S, Reason>();
  const pairs: Pair<S, D>[] = [];
  for (const file of source) {
    const found = there.get(file.name);
    there.delete(file.name);
    if (found === undefined) reasons.set(file, 'new');
    else if (found.size !== file.size) reasons.set(file, 'size');
    else pairs.push({ source: file, destination: found });
  }
  const areSame = await same.content(pairs);
  for (const [at, pair] of pairs.entries()) if (areSame[at] !== true) reasons.set(pair.source, same.why);
  const transfers = source.flatMap((file) => {
    const reason = reasons.get(file);
    return reason === undefined ? [] : [{ file, reason }];
  });
  const extra = [...there.values()];
  const unchanged = source.length - transfers.length;
  return { transfers, extra, inTheWay: conflicting(transfers, extra), unchanged };
}

function conflicting<S extends TreeFile, D extends TreeFile>(
  transfers: readonly Difference<S>[],
  extra: readonly D[],
): D[] {
  if (extra.length === 0) return [];
  const coming = new Set(transfers.map(({ file }) => file.name));
  const foldersOfComing = new Set([...coming].flatMap(foldersOf));
  return extra.filter(({ name }) => foldersOfComing.has(name) || foldersOf(name).some((f) => coming.has(f)));
}

/** @example foldersOf('a/b/c') // ['a', 'a/b'] */
export function foldersOf(name: string): string[] {
  const folders: string[] = [];
  for (let at = name.indexOf('/'); at !== -1; at = name.indexOf('/', at + 1)) folders.push(name.slice(0, at));
  return folders;
}
