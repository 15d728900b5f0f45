/**
 * The token that a command proves with who it is.
 *
 * It comes from a file or the environment alone: a command line is seen by every user of the machine. No message
 * shows any of it.
 */
import { readFileSync } from 'node:fs';
import { systemWords } from '../../files/protocol/system-words.ts';
import { usageError } from './exit-error.ts';

/** What a server takes at the most. */
const TOKEN_FILE_BYTES_MAX = 1024;

/** The first of: the file's only line, the variable. Null when there is neither. Throws a `Stop`. */
export function readToken(file: string | undefined, variable: string | undefined): string | null {
  if (file !== undefined) return checked(contentOf(file), `--token-file ${file}`);
  return variable === undefined || variable === '' ? null : checked(variable, 'SLUICE_TOKEN');
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw usageError(`--token-file ${file} cannot be read: ${systemWords(error, 'read')}`);
  }
}

function checked(token: string, from: string): string {
  if (token === '') throw usageError(`${from} is empty: it must hold the token`);
  if (token.length > TOKEN_FILE_BYTES_MAX)
    throw usageError(`${from} is longer than a token can be, ${TOKEN_FILE_BYTES_MAX} characters`);
  if (/[\r\n]/.test(token))
    throw usageError(`${from} has several lines: it must hold the token and nothing else`);
  return token;
}
