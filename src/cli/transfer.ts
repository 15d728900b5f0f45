/** What the commands that send and receive know of a file. */
import type { Version } from '../client/downloads.ts';

/** One file on its way, either way. */
export interface Transfer {
  /** Where it is, or will be, on this machine. */
  readonly path: string;
  /** What the server calls it. */
  readonly filename: string;
  /** Bytes, as far as is known before it is sent or received. */
  readonly size: number;
  /** What the server has said of the file, where it was asked. */
  readonly version?: Version;
}
