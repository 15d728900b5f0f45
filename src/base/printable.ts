/** Text that may come from a stranger, made fit to be shown. */

/** Nearly all names: found to be printable at a fraction of the cost. */
const plain = /^[ -~]*$/;
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Escapes the unprintable characters of a name that may come from a stranger, so that a terminal can show it. */
export const printable = (name: string): string =>
  plain.test(name) ? name : name.replace(unprintable, (it) => `\\u{${it.codePointAt(0)!.toString(16)}}`);
