/**
 * Names as strings of their UTF-8 bytes, one character a byte.
 *
 * So the order of names, which is that of their bytes, is the engine's own order of strings; what takes memory is a byte
 * a byte; and a name that is not UTF-8 is told from every other.
 */

/** Characters that stand for themselves in both forms. */
const PRINTABLE_ASCII = /^[ -~]*$/;

/** @param name well-formed: no half of a surrogate pair. */
export const toBytes = (name: string): string =>
  PRINTABLE_ASCII.test(name) ? name : Buffer.from(name, 'utf8').toString('latin1');

/** The name again; undefined when the bytes are not UTF-8. */
export function fromBytes(bytes: string): string | undefined {
  if (PRINTABLE_ASCII.test(bytes)) return bytes;
  const name = Buffer.from(bytes, 'latin1').toString('utf8');
  return name.includes('\ufffd') && toBytes(name) !== bytes ? undefined : name;
}

/** Whether it has no half of a surrogate pair, as no name has: others have no bytes of their own. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);

/** The first string after a name: no name has a NUL. */
export const firstAfter = (name: string): string => `${name}\0`;
