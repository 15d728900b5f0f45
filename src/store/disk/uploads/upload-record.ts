/**
 * The name of an unfinished upload's file, which is all that is recorded about it: key, length, CRC-32, and whether
 * those bytes were synced.
 *
 * To record that there is more of it is to rename it, which the file system does all at once: no crash leaves half a
 * record, or one without its file.
 */

/** What is claimed of an unfinished upload: that its file begins with `length` bytes that have this CRC-32. */
export interface UploadRecord {
  readonly key: string;
  /** Bytes. The file may have more, which nothing is known of. */
  readonly length: number;
  readonly crc32: number;
  /** Whether those bytes were on stable storage before this was claimed of them. */
  readonly synced: boolean;
}

/** What a file is called while nobody writes to it. No key has a `~` in it. */
export const storedFileName = ({ key, length, crc32, synced }: UploadRecord): string =>
  `${key}~${length}~${crc32.toString(16).padStart(8, '0')}~${synced ? 's' : 'w'}`;

const STORED_NAME_PATTERN = /^([A-Za-z0-9_-][A-Za-z0-9_.-]{0,128})~(0|[1-9]\d{0,14})~([0-9a-f]{8})~([sw])$/;

/** The record that a name is; undefined when it is none. */
export function parseStoredFileName(name: string): UploadRecord | undefined {
  const [, key, length, crc32, synced] = STORED_NAME_PATTERN.exec(name) ?? [];
  if (key === undefined || length === undefined || crc32 === undefined) return undefined;
  return { key, length: Number(length), crc32: Number.parseInt(crc32, 16), synced: synced === 's' };
}

/** What it is called in the folder of the store that writes to it; `serial` keeps apart what that store made. */
export const activeFileName = (serial: number, record: UploadRecord): string =>
  `u${serial}~${storedFileName(record)}`;

/** The record that a name in a store's own folder is; undefined when that file is of no upload. */
export function parseActiveFileName(name: string): UploadRecord | undefined {
  const [, storedName] = /^u\d+~(.*)$/.exec(name) ?? [];
  return storedName === undefined ? undefined : parseStoredFileName(storedName);
}
