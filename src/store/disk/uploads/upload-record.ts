/**
 * The record of an unfinished upload, which is the name of its file: key, length, CRC-32, and whether those
 * bytes were synced.
 *
 * To record more bytes is to rename the file, which is atomic: no crash leaves half a record, or a record
 * without its file.
 */

/** The claim about an unfinished upload: its file begins with `length` bytes that have this CRC-32. */
export interface UploadRecord {
  readonly key: string;
  /** In bytes. The file may have more, about which nothing is known. */
  readonly length: number;
  readonly crc32: number;
  /** Whether those bytes were on stable storage before the record was made. */
  readonly synced: boolean;
}

/** The file name of a stored upload. No key contains a `~`. */
export const storedFileName = ({ key, length, crc32, synced }: UploadRecord): string =>
  `${key}~${length}~${crc32.toString(16).padStart(8, '0')}~${synced ? 's' : 'w'}`;

const STORED_NAME_PATTERN = /^([A-Za-z0-9_-][A-Za-z0-9_.-]{0,128})~(0|[1-9]\d{0,14})~([0-9a-f]{8})~([sw])$/;

/** The record in a name; undefined when the name is not one of an upload. */
export function parseStoredFileName(name: string): UploadRecord | undefined {
  const [, key, length, crc32, synced] = STORED_NAME_PATTERN.exec(name) ?? [];
  if (key === undefined || length === undefined || crc32 === undefined) return undefined;
  return { key, length: Number(length), crc32: Number.parseInt(crc32, 16), synced: synced === 's' };
}

/** The file name of an active upload in the staging folder of its store; `serial` makes it unique there. */
export const activeFileName = (serial: number, record: UploadRecord): string =>
  `u${serial}~${storedFileName(record)}`;

/** The record in a name of a staging folder; undefined when the file is not an upload. */
export function parseActiveFileName(name: string): UploadRecord | undefined {
  const [, storedName] = /^u\d+~(.*)$/.exec(name) ?? [];
  return storedName === undefined ? undefined : parseStoredFileName(storedName);
}
