/** One upload as its caller knows it: its settings, its events, and the name under which the server keeps its bytes. */
import type { Content } from '../content/content.ts';
import type { ConnectionPoolOptions } from '../pool/pool-options.ts';
import type { PutSettings } from '../put.ts';

/** Content of so many bytes and more is resumed where it was interrupted, by default. */
export const RESUME_THRESHOLD_BYTES = 8 * 1024 * 1024;

/** Bytes between two reports of durable bytes, by default. */
export const PROGRESS_BYTES = 4 * 1024 * 1024;

/** How uploads connect and try again, and from which size on they are resumed. `connect` is needed. */
export interface UploadsOptions extends ConnectionPoolOptions {
  /**
   * Content of at least so many bytes, from 0, is resumed where it was interrupted; smaller is sent again. Default 8
   * MiB.
   */
  readonly resumeThreshold?: number;
  /** Bytes between two reports of durable bytes, from 1, for content that can be resumed; default 4 MiB. */
  readonly progress?: number;
  /**
   * Bytes of each content that can be resumed which may be on their way beyond the last report of durable bytes; at least
   * `progress`. For connections that do not say how much of what they have taken waits in them, as a browser's WebSocket
   * may not: it bounds the memory that they take. Default no bound beside the connection's own.
   */
  readonly sendWindow?: number;
}

/** How one upload is resumed and checked. All may be left out. */
export interface UploadSettings extends Pick<PutSettings, 'mtime' | 'ifAbsent'> {
  /** Whether to go on where an earlier try, or an earlier run, was interrupted; default true. */
  readonly resume?: boolean;
  /**
   * The upload's name, 1 to 64 of `A-Z a-z 0-9 _ -`. Default: a name made of filename, size, modification time and
   * `source`, so that a later run with the same ones finds the bytes that this run has left on the server.
   */
  readonly upload?: string;
  /**
   * Identifies the content, for that name: a path and its machine, say. Default nothing does but name, size and time.
   */
  readonly source?: string;
  /**
   * Reads the content once before it is sent, and has the server store it only if its SHA-256 is the same. Content that
   * can be read only once is refused. Default the CRC-32 alone is compared.
   */
  readonly verify?: 'sha256';
  /**
   * The SHA-256 of the whole content, 64 hexadecimal digits, where it is known already: the server stores the content
   * only if it is that. Not together with `verify`, which reads the content to compute it. Default it is not compared.
   */
  readonly sha256?: string;
}

/** `Uploads.upload` emits this as bytes leave, and as the server reports them durable. */
export interface Progress {
  readonly type: 'progress';
  /** Bytes of the content that the operating system has taken, durable bytes of earlier tries included. */
  readonly sent: number;
  /** Bytes that the server has reported as durable: they need never be sent again. */
  readonly durable: number;
  /** Bytes of the content. */
  readonly total: number;
  /**
   * Bytes a second that this try sent over the last few seconds; 0 before that is known. Bytes that it did not have to
   * send do not count.
   */
  readonly rate: number;
  /** Which try it is, from 1. Within a try `sent` and `durable` never fall, and `resumedFrom` stays as it is. */
  readonly attempt: number;
  /** Bytes that this try did not have to send. */
  readonly resumedFrom: number;
}

/** The last event of an upload: the server has stored the content. */
export interface Uploaded {
  readonly type: 'stored';
  /** The name that it has there. */
  readonly filename: string;
  /** Bytes of the content. */
  readonly size: number;
  /** The CRC-32 (ISO-HDLC) of the content, which the server's own is equal to. */
  readonly crc32: number;
  /** Whether the server has it on its disk. Also false when an ack was lost and the file was found to be stored. */
  readonly durable: boolean;
  /** Which try it was, from 1. */
  readonly attempt: number;
  /** Bytes that this try did not have to send. */
  readonly resumedFrom: number;
}

/** The name of an upload: the given one, or one that is the same whenever the same content is sent from the same place. */
export const uploadIdOf = (
  filename: string,
  { size, mtime }: Pick<Content, 'size' | 'mtime'>,
  { upload, source }: UploadSettings,
): string => upload ?? stableId(filename, size, mtime, source);

const FNV_PRIME = 0x0000000001000000000000000000013bn;
const FNV_BASIS = 0x6c62272e07bb014262b821756295c58dn;
const MASK_128 = (1n << 128n) - 1n;

/**
 * Makes 32 characters that stand for some facts: FNV-1a of 128 bits. It is no secret and does not resist an adversary:
 * a resumed upload compares the content's CRC-32 as well.
 *
 * @example stableId('photos/a.jpg', 12_000_000, 1700000000000, '/home/me/photos/a.jpg')
 */
function stableId(...facts: readonly (string | number | undefined)[]): string {
  let hash = FNV_BASIS;
  for (const byte of new TextEncoder().encode(JSON.stringify(facts))) {
    hash = ((hash ^ BigInt(byte)) * FNV_PRIME) & MASK_128;
  }
  return hash.toString(16).padStart(32, '0');
}
