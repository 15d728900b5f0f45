/** Descriptions of a stored file, from a store to the session and from the server to its clients. */

/** One stored file as a listing shows it. */
export interface FileInfo {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** When the content last changed, in milliseconds since 1970 (UTC), whole. */
  readonly mtime: number;
  /** CRC-32 (as in `Stored`) of the content, where the store knows it to be that of the file as it is now. */
  readonly crc32?: number;
}

/** The result of a finished put. */
export interface Stored extends FileInfo {
  /** CRC-32 (ISO-HDLC, as in zlib and PNG) of the whole content, an unsigned 32-bit integer. */
  readonly crc32: number;
  /** Whether content and directory entry are both on stable storage. */
  readonly durable: boolean;
}

/** How much has arrived of an unfinished upload. */
export interface UploadOffset {
  /** Bytes from the start, all of them as durable as the store makes things: they need never be sent again. */
  readonly offset: number;
  /** CRC-32 (as in `Stored`) of those bytes; 0 of none. */
  readonly crc32: number;
}

export interface Listing {
  /** In ascending order of the names' UTF-8 bytes. */
  readonly files: readonly FileInfo[];
  /** The last name of this page when there are more; to be given as `after`. */
  readonly next?: string;
}
