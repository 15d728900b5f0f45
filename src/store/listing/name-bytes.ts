/**
 * Names as strings of their UTF-8 bytes, one character a byte.
 *
 * So the engine's order of strings is the order of names, which is that of their bytes; a name takes a byte
 * of memory per byte; and names that are not UTF-8 stay different.
 */

/** Texts that are the same in both forms. */
const PRINTABLE_ASCII = /^[ -~]*$/;

/** @param name well-formed: no half of a surrogate pair. */
export const toBytes = (name: string): string =>
  PRINTABLE_ASCII.test(name) ? name : Buffer.from(name, 'utf8').toString('latin1');

/** The name of the bytes; undefined when they are not UTF-8. */
export function fromBytes(bytes: string): string | undefined {
  if (PRINTABLE_ASCII.test(bytes)) return bytes;
  const name = Buffer.from(bytes, 'latin1').toString('utf8');
  return name.includes('\ufffd') && toBytes(name) !== bytes ? undefined : name;
}

/** Whether the text has no half of a surrogate pair. No name has one, since it has no bytes of its own. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);

/** The first string after a name: no name contains a NUL. */
export const firstAfter = (name: string): string => `${name}\0`;
