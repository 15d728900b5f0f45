/** Content to be sent: bytes whose number is known, and that are read piece by piece as the connection takes them. */
import { check, withMethods } from '../../wire/argument.ts';
import { type BytesLike, bytesOf } from '../../wire/bytes.ts';

export interface Content {
  /** Bytes in all. The frame's header promises so many before the first is read. */
  readonly size: number;
  /** When it last changed, in whole milliseconds since 1970. The stored file gets it, unless the put names another. */
  readonly mtime?: number;
  /**
   * When anything about it last changed, in any unit. Content with another `ctime` counts as other content, even with
   * the same size and `mtime`. It is compared between the tries of one upload, and never sent.
   */
  readonly ctime?: number;
  /**
   * Writes bytes from `offset` on into `into`, and answers how many it wrote: at least 1, at most `into.length`, which
   * never reaches past `size`. The client makes one call at a time and reads in order from some offset on. It begins at
   * the start once more where it needs a checksum of the content before it sends it.
   *
   * When the promised bytes cannot be read (the file fails, or is being changed) this throws, rejects or answers 0. The
   * put then fails, and nothing of it is stored.
   */
  read(offset: number, into: Uint8Array): number | Promise<number>;
  /** Called once, after the last read. */
  close?(): void;
}

/**
 * Bytes in memory, in any form. They are not copied: leave them unchanged until the put has ended.
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
 *   error: (error) => console.error(error.message),
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
