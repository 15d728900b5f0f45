/** SHA-256 for the client. For Node, and so in a file of its own: the client itself runs on any platform. */
import { createHash } from 'node:crypto';
import type { Hasher } from './read-content.ts';

/**
 * Makes a hasher for SHA-256, for uploads that the server is to verify.
 *
 * @example createUploads({ connect, crc32, sha256 }).upload('a', content, { verify: 'sha256' })
 */
export function sha256(): Hasher {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
}
