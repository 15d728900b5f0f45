/** Checks the arguments of a write where they come in: one `instanceof` for each chunk. */
import { check, FUNCTION, LIST, type Rule } from '../wire/argument.ts';

const CHUNK: Rule = { words: 'a Uint8Array', isKind: (value) => value instanceof Uint8Array };

/** @throws TypeError when they are not a list of `Uint8Array`s, and a function to call when they are sent. */
export function checkWrite(chunks: readonly Uint8Array[], settled: unknown): void {
  if (!Array.isArray(chunks)) check('write: the chunks', chunks, LIST);
  if (typeof settled !== 'function') check('write: the function told when it is sent', settled, FUNCTION);
  for (const chunk of chunks) if (!(chunk instanceof Uint8Array)) check('write: a chunk', chunk, CHUNK);
}
