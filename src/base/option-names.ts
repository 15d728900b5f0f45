/** Refuses options that there are not: in a program without a compiler a misspelt name would be ignored. */

import { nearest } from './nearest.ts';

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
