/** Where the bytes of a download go, and which of them are there already. */
import type { FileInfo } from '../../files/protocol/file.ts';
import type { Download } from '../get.ts';

/** The bytes of a file that are there already, and the state of the file they belong to. */
export interface PartialDownload {
  /** Bytes from the start. */
  readonly offset: number;
  /** CRC-32 of those bytes. */
  readonly crc32: number;
  /** The file's state, as the server stated it then. */
  readonly file: Pick<FileInfo, 'size' | 'mtime' | 'crc32'>;
}

/** Where the bytes of a download go: a file, an array, anything that takes them in order. */
export interface DownloadTarget {
  /** Answers the bytes kept from an earlier run. Called once, when the download's turn has come. */
  readonly kept?: () => PartialDownload | null | Promise<PartialDownload | null>;
  /**
   * Called for each try: bytes arrive from `download.offset` on. With offset 0, any kept bytes are of no use.
   *
   * A target that cannot take the bytes throws here, in `write` or in `kept`. The download then errors with `content`.
   */
  readonly begin: (download: Omit<Download, 'bytes$'>) => void;
  /** Takes the next bytes, a view that may be kept. A target that holds too many calls `download.pause()`. */
  readonly write: (bytes: Uint8Array<ArrayBuffer>) => void;
}

/** `Downloads.fetch` emits this as bytes arrive. */
export interface DownloadProgress {
  /** Bytes that are there, those kept from before included. */
  readonly received: number;
  /** Bytes of the whole file. */
  readonly total: number;
}

/** Whether two states of a file are the same, by what is known of both. */
export const isSameFile = (a: PartialDownload['file'], b: PartialDownload['file']): boolean =>
  a.size === b.size &&
  a.mtime === b.mtime &&
  (a.crc32 === undefined || b.crc32 === undefined || a.crc32 === b.crc32);
