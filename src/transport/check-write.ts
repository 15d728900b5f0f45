/** What a connection is given to send, checked where it comes in: one `instanceof` a chunk. */
import { check, FUNCTION, LIST, type Rule } from '../wire/argument.ts';

const CHUNK: Rule = { words: 'a Uint8Array', isKind: (value) => value instanceof Uint8Array };

/** @throws TypeError when it is not a list of `Uint8Array`s, and a function to be told when they are sent. */
export function checkWrite(chunks: readonly Uint8Array[], settled: unknown): void {
  if (!Array.isArray(chunks)) check('write: the chunks', chunks, LIST);
  if (typeof settled !== 'function') check('write: the function told when it is sent', settled, FUNCTION);
  for (const chunk of chunks) if (!(chunk instanceof Uint8Array)) check('write: a chunk', chunk, CHUNK);
}
