/** Refuses options that there are not: in a program without a compiler a misspelt name would be ignored. */

/** The most edits of a letter between a name and the one that may have been meant. */
const EDITS_MAX = 2;
/** The most characters of a name that are compared and shown. */
const SHOWN_MAX = 40;

/**
 * @param of the name of the function that takes the options.
 * @param known an object with the names that there are. An option that is undefined counts as left out.
 * @throws TypeError that names the option, and the one that may have been meant or all that there are.
 */
export function checkNames(of: string, options: object, known: object): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !Object.hasOwn(known, name))
      refuse(of, name.slice(0, SHOWN_MAX), Object.keys(known));
  }
}

function refuse(of: string, name: string, known: readonly string[]): never {
  const meant = nearest(name, known);
  const hint = meant === undefined ? `there are ${known.join(', ')}` : `did you mean ${meant}?`;
  throw new TypeError(`${of}: there is no option ${JSON.stringify(name)}; ${hint}`);
}

/** The name that is the fewest edits away; none when these would leave less than half of it as it is. */
function nearest(name: string, known: readonly string[]): string | undefined {
  let [best, fewest] = [undefined as string | undefined, EDITS_MAX + 1];
  for (const each of known) {
    const count = edits(name.toLowerCase(), each.toLowerCase());
    if (count < fewest && count * 2 <= Math.max(name.length, each.length)) [best, fewest] = [each, count];
  }
  return best;
}

/** How many letters must be added, removed or changed to make one word of the other (Levenshtein's distance). */
function edits(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 0; i < one.length; i++) {
    const above = row;
    row = [i + 1];
    for (let j = 0; j < other.length; j++) {
      row.push(Math.min(row[j]! + 1, above[j + 1]! + 1, above[j]! + (one[i] === other[j] ? 0 : 1)));
    }
  }
  return row[other.length]!;
}
