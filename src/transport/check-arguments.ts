/** Checks the arguments of listening, connecting and writing where they come in. */
import {
  check,
  either,
  FUNCTION,
  LIST,
  MILLISECONDS,
  optional,
  type Rule,
  TEXT,
  wholeFrom,
} from '../wire/argument.ts';
import { BYTES } from '../wire/bytes.ts';

/** The system decides which numbers are ports. One that it does not accept is a fault of the Observable. */
const PORT: Rule = { words: 'a number from 0 to 65535', isKind: (value) => typeof value === 'number' };

const BACKLOG = optional(wholeFrom(0));
const PEM = optional(either(TEXT, BYTES));

export const LISTEN_RULES = { host: optional(TEXT), port: PORT, backlog: BACKLOG };
export const LISTEN_UNIX_RULES = { path: TEXT, mode: optional(wholeFrom(0, 0o777)), backlog: BACKLOG };
export const CONNECT_RULES = { host: TEXT, port: PORT, timeout: optional(MILLISECONDS) };
export const CONNECT_UNIX_RULES = { path: TEXT, timeout: optional(MILLISECONDS) };
export const CONNECT_TLS_RULES = {
  ...CONNECT_RULES,
  ca: PEM,
  cert: PEM,
  key: PEM,
  servername: optional(TEXT),
};

const CHUNK: Rule = { words: 'a Uint8Array', isKind: (value) => value instanceof Uint8Array };

/**
 * Checks the arguments of a write, with one `instanceof` for each chunk.
 *
 * @throws TypeError when the chunks are no list of `Uint8Array`s, or `settled` is no function.
 */
export function checkWrite(chunks: readonly Uint8Array[], settled: unknown): void {
  if (!Array.isArray(chunks)) check('write: the chunks', chunks, LIST);
  if (typeof settled !== 'function') check('write: the function told when it is sent', settled, FUNCTION);
  for (const chunk of chunks) if (!(chunk instanceof Uint8Array)) check('write: a chunk', chunk, CHUNK);
}
