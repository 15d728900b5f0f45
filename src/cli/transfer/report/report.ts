/** The events of a run over files, which each kind of report prints in its own way. */

/** One file that is sent or received. */
export interface Transfer {
  /** Its path on this machine; `-` for stdin. */
  readonly path: string;
  /** Where the bytes of stdin are, if they are in a file. */
  readonly spooled?: string;
  /** Its name on the server. */
  readonly filename: string;
  /** Bytes, by what is known before the transfer. */
  readonly size: number;
  /** When it last changed (milliseconds since 1970), and its CRC-32; known if the server has stated them. */
  readonly mtime?: number;
  readonly crc32?: number;
}

export interface Summary {
  /** Files that arrived. */
  readonly files: number;
  /** Bytes of those. */
  readonly bytes: number;
  /** Bytes of those files that this run has sent or received. */
  readonly transferred: number;
  /** Files that did not arrive, and paths that could not be read. */
  readonly failed: number;
  /** How many of those failed because they are there already, with `--no-clobber`; only where some did. */
  readonly existing?: number;
  /** Files that were there already and were not looked into; only where it is known. */
  readonly unchanged?: number;
  /** Files that are newer at the destination and stayed; only with `--update`. */
  readonly newer?: number;
  /** Files of the destination that were removed; only where any may be. */
  readonly removed?: number;
  /** Files that a filter has left out, a folder of this machine counted as one; only where there are any. */
  readonly leftOut?: number;
  readonly seconds: number;
}

/** Why a file was not transferred. */
export interface TransferFault {
  readonly message: string;
  /** The code, if the server has refused it. */
  readonly code?: string;
}

/** Facts about a file that arrived. */
export interface Done {
  /** Bytes of it that were there before this run. */
  readonly before: number;
  /** Further fields for the JSON report. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface RetryNotice {
  /** Describes the failure. */
  readonly message: string;
  /** Which of the further tries the next one is, from 1. */
  readonly attempt: number;
  readonly retries: number;
  /** Time until the next try. */
  readonly seconds: number;
}

export interface Report {
  /** Called before the first file with how much there is to do, and again when there is more. */
  readonly expect: (files: number, bytes: number) => void;
  /**
   * A try of the file begins behind so many bytes, which are there already; 0 when it begins from the start. Called
   * before any byte of the try.
   */
  readonly resumed: (transfer: Transfer, from: number) => void;
  /** So many bytes of the file are there, and so many of them are durable, if that is known. */
  readonly progress: (transfer: Transfer, bytes: number, durable?: number) => void;
  /** The file arrived, with so many bytes. */
  readonly done: (transfer: Transfer, bytes: number, done: Done) => void;
  readonly failed: (what: Transfer, failure: TransferFault) => void;
  /** Something failed that will be tried again. */
  readonly retry: (retry: RetryNotice) => void;
  /** A path was skipped. */
  readonly warn: (path: string, why: string) => void;
  /** The process is about to end: restores the terminal. */
  readonly abandon: () => void;
  /** After the last file. */
  readonly end: (summary: Summary) => void;
}
