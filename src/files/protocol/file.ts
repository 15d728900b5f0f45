/** Descriptions of a stored file, from a store to the session and from the server to its clients. */

/** One stored file in a listing. */
export interface FileInfo {
  /** The file's name: a path with `/`, of at most 1,024 bytes of UTF-8 (see `explainBadFilename`). */
  readonly name: string;
  /** Bytes, 0 or more. */
  readonly size: number;
  /** The time of the last change of the content, in whole milliseconds since 1970 (UTC). */
  readonly mtime: number;
  /** CRC-32 (as in `Stored`) of the content; absent where the store does not know that of the present content. */
  readonly crc32?: number;
}

/** The result of a finished put. */
export interface Stored extends FileInfo {
  /** CRC-32 (ISO-HDLC, as in zlib and PNG) of the whole content, an unsigned 32-bit integer. */
  readonly crc32: number;
  /** Whether content and directory entry are both on stable storage. */
  readonly durable: boolean;
}

/** The part of an unfinished upload that has arrived. */
export interface UploadOffset {
  /** Bytes from the start. They are as durable as the store makes files, so the client need never send them again. */
  readonly offset: number;
  /** CRC-32 (as in `Stored`) of those bytes; 0 of none. */
  readonly crc32: number;
}

/** A page of the names of stored files: what a store's `list` and the client's `page` answer. */
export interface Listing {
  /** In ascending order of the names' UTF-8 bytes. */
  readonly files: readonly FileInfo[];
  /** The last name of this page when there are more: the `after` of the next request. */
  readonly next?: string;
}
