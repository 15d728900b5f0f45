/** The events of a run over files, which each kind of report prints in its own way. */

/** One file on its way, either way. */
export interface Transfer {
  /** Where it is, or will be, on this machine. */
  readonly path: string;
  /** What the server calls it. */
  readonly filename: string;
  /** Bytes, as far as is known before it is sent or received. */
  readonly size: number;
  /** When it last changed, milliseconds since 1970, and its CRC-32, as far as the server has said. */
  readonly mtime?: number;
  readonly crc32?: number;
}

export interface Summary {
  /** Files that arrived. */
  readonly files: number;
  /** Bytes of those. */
  readonly bytes: number;
  /** As many of them as were not there already when this run began: those it has sent or received. */
  readonly transferred: number;
  /** Files that did not arrive, and paths that could not be read. */
  readonly failed: number;
  readonly seconds: number;
}

/** What is to be printed about a failure, beside the words. */
export interface TransferFault {
  readonly message: string;
  /** The code of the server's refusal, where it was one. */
  readonly code?: string;
}

/** What there is to say of a file that arrived. */
export interface Done {
  /** Bytes of it that were there already when this run began. */
  readonly before: number;
  /** For machines. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface RetryNotice {
  /** What failed. */
  readonly message: string;
  /** Which of the further tries it will be, from 1. */
  readonly attempt: number;
  readonly retries: number;
  /** Until then. */
  readonly seconds: number;
}

export interface Report {
  /** Before the first file: how much there is to do. More may be added. */
  readonly expect: (files: number, bytes: number) => void;
  /**
   * A try of the file begins behind so many bytes, which are there already; 0 when it begins from the start. Told before
   * anything of it passes.
   */
  readonly resumed: (transfer: Transfer, from: number) => void;
  /** So many bytes of the file are there; so many of them are durable there, where that is told. */
  readonly progress: (transfer: Transfer, bytes: number, durable?: number) => void;
  /** The file arrived, with so many bytes. */
  readonly done: (transfer: Transfer, bytes: number, done: Done) => void;
  readonly failed: (what: Transfer, failure: TransferFault) => void;
  /** Something failed that will be tried again. */
  readonly retry: (retry: RetryNotice) => void;
  /** Something was left out, or is worth knowing. */
  readonly warn: (path: string, why: string) => void;
  /** The process is about to end: gives the terminal back as it was. */
  readonly abandon: () => void;
  /** After the last file. */
  readonly end: (summary: Summary) => void;
}
