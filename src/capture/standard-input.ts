/** Standard input, as bytes. */
import { createReadStream, fstatSync } from 'node:fs';

/**
 * What Node makes of a standard input that is a file or a folder ends without a word when it cannot be read: an empty
 * one then. Iterating this one throws the system's error.
 */
export function standardInput(): AsyncIterable<Uint8Array> {
  const stats = fstatSync(0);
  const isPath = stats.isFile() || stats.isDirectory();
  return isPath ? createReadStream('', { fd: 0, autoClose: false }) : process.stdin;
}
