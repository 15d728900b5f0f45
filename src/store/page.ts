/** A page of a listing, cut from files that come in order. */
import type { FileInfo, Listing } from './contract.ts';

/** The first `limit` files, and where the next page begins if there is one. Takes one file more than it gives. */
export function pageOf(ordered: Iterable<FileInfo>, limit: number): Listing {
  const files: FileInfo[] = [];
  for (const file of ordered) {
    const last = files.at(-1);
    if (last !== undefined && files.length >= limit) return { files, next: last.name };
    files.push(file);
  }
  return { files };
}
