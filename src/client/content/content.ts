/** Content to be sent: bytes whose number is known, and that are read piece by piece as the connection takes them. */
import { messageOf } from '../../base/sluice-error.ts';
import { check, withMethods } from '../../wire/argument.ts';
import { type BytesLike, bytesOf } from '../../wire/bytes.ts';
import { ContentError } from './content-error.ts';

/**
 * The bytes of a put. `bytesContent`, `blobContent`, `streamContent` and `fileContent` make contents; one of your own
 * needs `size` and `read`.
 */
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
  /**
   * The content can be read only once, from its start to its end, as a stream can. An upload of it is not resumed, and
   * is not tried again once it has begun to read.
   */
  readonly readOnce?: true;
  /**
   * Of content that may be slow to come: called before each read, and of content without bytes in the place of one.
   * Resolves when `read` can answer at once from this offset on. What was read before is sent meanwhile. When the
   * promised bytes cannot be read, it throws or rejects as `read` does.
   */
  whenReady?(offset: number): undefined | Promise<void>;
  /**
   * Called once, after the last read. Content with `readOnce` may be closed before, also while a read is under way,
   * which then rejects: the put was given up.
   */
  close?(): void;
}

/**
 * Bytes in memory, in any form. They are not copied: leave them unchanged until the put has ended.
 *
 * @throws TypeError for what is not bytes; text is encoded first: `new TextEncoder().encode(text)`.
 * @example
 * client.put('a.txt', bytesContent(new TextEncoder().encode('hello'))).subscribe({
 *   error: (error) => console.error(error.message),
 * });
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

/** What is needed of a `Blob` or a `File`, so that the types of no platform are. */
export interface BlobLike {
  readonly size: number;
  /** Of a `File`: milliseconds since 1970. */
  readonly lastModified?: number;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
  /** All of it; default it is sliced. */
  arrayBuffer?(): Promise<ArrayBuffer>;
  /** Not called: it tells a `Blob` from bytes. */
  stream(): unknown;
}

/**
 * A `Blob` or `File`, as a browser has them, and Node too. It can be read again from any offset, so that an upload of it
 * goes on where it was interrupted. The stored file gets the `lastModified` of a `File`.
 *
 * A `File` whose file has changed since it was chosen cannot be read: a `ContentError`, `unreadable`.
 *
 * @throws TypeError for anything else.
 * @example
 * const file = new File(['hello'], 'a.txt'); // one that a form has, say
 * client.put(file.name, blobContent(file)).subscribe({
 *   error: (error) => console.error(error.message),
 * });
 */
export function blobContent(blob: BlobLike): Content {
  check('blobContent: the blob', blob, BLOB);
  const { size, lastModified } = blob;
  return {
    size,
    ...(lastModified === undefined ? {} : { mtime: lastModified }),
    read: async (offset, into) => {
      const bytes = await bytesOfBlob(blob, offset, offset + into.length);
      into.set(bytes);
      return bytes.length;
    },
  };
}

async function bytesOfBlob(blob: BlobLike, start: number, end: number): Promise<Uint8Array> {
  try {
    // A browser takes half a millisecond and more for a slice: as long as for all else of a small file.
    const isWhole = start === 0 && end === blob.size && blob.arrayBuffer !== undefined;
    return new Uint8Array(await (isWhole ? blob.arrayBuffer!() : blob.slice(start, end).arrayBuffer()));
  } catch (thrown) {
    throw new ContentError('unreadable', `the blob cannot be read: ${messageOf(thrown)}`, thrown);
  }
}

const BLOB = withMethods('a Blob or a File', ['slice', 'stream']);
