/** What is to be sent: bytes whose number is known, and that are read piece by piece as the connection takes them. */
import { check, withMethods } from '../../wire/argument.ts';
import { type BytesLike, bytesOf } from '../../wire/bytes.ts';

export interface Content {
  /** Bytes in all. The frame promises so many before the first is read. */
  readonly size: number;
  /** When it last changed, milliseconds since 1970, whole: what the stored file is given, unless the put says. */
  readonly mtime?: number;
  /**
   * When anything about it last changed, in whatever unit: content of another one is taken for other content, though it
   * has the same size and `mtime`. Looked at between the tries of one upload, and never sent.
   */
  readonly ctime?: number;
  /**
   * Writes bytes from `offset` on into `into`, and answers how many it wrote: at least 1, at most `into.length`,
   * which never reaches past `size`. Called one at a time and in order, from any offset on; from the start once more
   * where a checksum of what was or is to be sent is needed first.
   *
   * Whoever cannot give the bytes that were promised (the file cannot be read, or is being changed) throws, rejects or
   * answers 0. The put then fails, and nothing of it is stored.
   */
  read(offset: number, into: Uint8Array): number | Promise<number>;
  /** Called once, when nothing more is read. */
  close?(): void;
}

/**
 * Bytes at hand, in any form. Not copied: leave them unchanged until the put is over.
 *
 * @throws TypeError for what is not bytes; text is encoded first: `new TextEncoder().encode(text)`.
 */
export function bytesContent(given: BytesLike): Content {
  const bytes = bytesOf(given, 'the content');
  return {
    size: bytes.length,
    read: (offset, into) => {
      into.set(bytes.subarray(offset, offset + into.length));
      return into.length;
    },
  };
}

/**
 * A `Blob` or `File`, as a browser has them.
 *
 * @throws TypeError for anything else.
 * @example
 * client.put(file.name, blobContent(file)).subscribe({
 *   error: (fault) => console.error(describeFault(fault)),
 * });
 */
export function blobContent(blob: Blob): Content {
  check('blobContent: the blob', blob, BLOB);
  return {
    size: blob.size,
    read: async (offset, into) => {
      const bytes = await blob.slice(offset, offset + into.length).arrayBuffer();
      into.set(new Uint8Array(bytes));
      return bytes.byteLength;
    },
  };
}

const BLOB = withMethods('a Blob or a File', ['slice', 'stream']);
