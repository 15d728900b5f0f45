/**
 * The token that a command authenticates with.
 *
 * It comes only from a file or the environment, because every user of the machine can see a command line. No message
 * shows any part of it.
 */
import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import { systemWords } from '../../files/protocol/system-words.ts';
import { usageError } from './exit-error.ts';

/** The longest token that a server accepts. */
const TOKEN_FILE_BYTES_MAX = 1024;

export const tokenFileOption = (): Option =>
  new Option('--token-file <FILE>', 'the token that says who we are').env('SLUICE_TOKEN_FILE');

/** Answers the file's only line, else the variable, else null. Throws an `ExitError` for a bad token. */
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
