/** Options that are numbers, checked: a wrong one is a mistake in the program, hence the throw. */

/** @throws RangeError that names the option, unless it is an integer from `least` to `most`. */
export function mustBe(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`${name} must be ${least} to ${most}, and is ${String(value)}`);
}
