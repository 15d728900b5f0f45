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
