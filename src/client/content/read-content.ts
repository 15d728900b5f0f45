/** Content from the side of its reader: checked, read piece by piece, hashed, and its failure as a fault. */

import { sha256 } from '#checksums';
import { messageOf } from '../../base/sluice-error.ts';
import { check, wholeFrom, withMethods } from '../../wire/argument.ts';
import { ClientError, type ClientFault, isClientFault } from '../client-fault.ts';
import type { Content } from './content.ts';
import { ContentError } from './content-error.ts';

const WITH_READ = withMethods('content: an object with `size` and `read`, such as bytesContent makes', [
  'read',
]);
const SIZE = wholeFrom(0);

/**
 * Checks content before a header promises its bytes.
 *
 * @throws TypeError or RangeError when it is no content, or does not say how long it is.
 */
export function checkContent(content: Content): Content {
  check('what is put', content, WITH_READ);
  check("the content's size", content.size, SIZE);
  return content;
}

/** The error of content that has fewer bytes than it has promised. */
export const shortened = (at: number, size: number): ContentError =>
  new ContentError('shortened', `the content ended after ${at} of ${size} bytes: it has become shorter`);

/** The fault of a request whose content threw. */
export const contentFault = (thrown: unknown): ClientFault => ({
  code: 'content',
  message: messageOf(thrown),
  cause: thrown,
});

/** The fault of whatever a request, or what came before it, has failed with. */
export function clientFault(thrown: unknown): ClientFault {
  if (thrown instanceof ClientError) return thrown.fault;
  return isClientFault(thrown) ? thrown : contentFault(thrown);
}

/** Bytes read at a time, and so in memory. */
const PIECE_BYTES = 1024 * 1024;

/**
 * Reads the bytes from one offset to another, until `wanted` answers false. Rejects with the content's own error, and
 * when the content is shorter than its `size`.
 */
export async function readPieces(
  content: Content,
  from: number,
  to: number,
  wanted: () => boolean,
  each: (bytes: Uint8Array, end: number) => void,
): Promise<void> {
  const room = new Uint8Array(Math.min(PIECE_BYTES, to - from));
  for (let at = from; at < to && wanted(); ) {
    const into = room.subarray(0, to - at);
    const got = await content.read(at, into);
    if (!Number.isInteger(got) || got < 1 || got > into.length) {
      throw shortened(at, content.size);
    }
    at += got;
    each(into.subarray(0, got), at);
  }
}

/** The SHA-256 of a content, in hexadecimal digits. */
export async function hashOf(content: Content, wanted = () => true): Promise<string> {
  const hasher = sha256();
  await readPieces(content, 0, content.size, wanted, (bytes) => hasher.update(bytes));
  return hasher.digest();
}
