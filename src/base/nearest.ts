/** Finds the word that was probably meant by a misspelt one. */

/** Counts the differing letters: added, left out, exchanged, or two neighbours swapped. */
function distance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let fewest = Math.min(row[j - 1]! + 1, previous[j]! + 1, previous[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        fewest = Math.min(fewest, beforePrevious[j - 2]! + 1);
      }
      row.push(fewest);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length]!;
}

/** Keeps letters only, so that `max-file` and `MAX_FILE` equal `maxFile`. */
const bare = (word: string) => word.toLowerCase().replace(/[-_]/g, '');

/**
 * The nearest of the words, if one is near: no more than a third of its letters differ.
 *
 * @example nearest('maxfiel', ['maxFile', 'maxHeader']) // 'maxFile'
 */
export function nearest(word: string, words: readonly string[]): string | undefined {
  // The comparison takes time that grows with the square of the length.
  if (word.length > 64) return undefined;
  const ranked = words
    .map((each) => ({ each, far: distance(bare(word), bare(each)) }))
    .sort((a, b) => a.far - b.far);
  const first = ranked[0];
  return first !== undefined && first.far <= bare(first.each).length / 3 ? first.each : undefined;
}
