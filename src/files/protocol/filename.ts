/**
 * Decides which names a file may have.
 *
 * A name is a relative path with `/` between its segments. A name that is refused here is refused on every platform
 * and by every store. So a tree that one store wrote can be moved to another, and no name ever means a place outside
 * the root.
 */

/** The first segment that belongs to the store alone, for unfinished puts. It is refused in upper and lower case. */
export const RESERVED_FOLDER = '.sluice';

/** The most bytes of UTF-8 in a whole name. */
export const NAME_BYTES_MAX = 1024;
/** The most bytes of UTF-8 in one segment: the limit of ext4, xfs, btrfs and APFS. */
export const SEGMENT_BYTES_MAX = 255;

const encoder = new TextEncoder();
const UNPRINTABLE = /[\p{Cc}\p{Surrogate}]/u;
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/;
const DRIVE_LETTER = /^[A-Za-z]:/;
const IN_RESERVED_FOLDER = /^\.sluice(?:\/|$)/i;

/**
 * Explains why a file cannot have a name, in words that complete "the file name is not allowed: …"; null when it can. A
 * name is a relative path with `/`, of at most 1,024 bytes of UTF-8 and 255 in each segment, that means the same on
 * every platform.
 *
 * @example
 * explainBadFilename('a/b.txt'); // null
 * explainBadFilename('../secret'); // "it has a segment '.' or '..'"
 */
export function explainBadFilename(name: unknown): string | null {
  if (typeof name !== 'string') return 'it is not a string';
  if (name === '') return 'it is empty';
  if (name.startsWith('/')) return 'it is absolute; names are relative to the root';
  if (name.includes('\\')) return 'it has a backslash; segments are separated by /';
  if (DRIVE_LETTER.test(name)) return 'it starts with a drive letter';
  if (UNPRINTABLE.test(name)) return 'it has a control character or half a surrogate pair';
  if (name.endsWith('/') || name.includes('//')) return 'it has an empty segment';
  if (DOT_SEGMENT.test(name)) return "it has a segment '.' or '..'";
  if (IN_RESERVED_FOLDER.test(name.normalize('NFKC'))) return `${RESERVED_FOLDER} is the store's own folder`;
  return explainTooLong(name);
}

/** A UTF-16 unit is at most 3 bytes of UTF-8, so nearly every name is measured without being encoded. */
function explainTooLong(name: string): string | null {
  if (name.length * 3 <= SEGMENT_BYTES_MAX) return null;
  if (encoder.encode(name).length > NAME_BYTES_MAX) return `it is longer than ${NAME_BYTES_MAX} bytes`;
  const tooLong = name.split('/').some((segment) => encoder.encode(segment).length > SEGMENT_BYTES_MAX);
  return tooLong ? `it has a segment longer than ${SEGMENT_BYTES_MAX} bytes` : null;
}
