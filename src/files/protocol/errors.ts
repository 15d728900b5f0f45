/**
 * The one catalogue of what can go wrong, as the peer is told it.
 *
 * An error is plain data. `fatal` says that the connection is over: the error is sent, nothing that comes after is
 * looked at, and our side is ended. `blame` says whose doing it is: the peer's (`peer`: sending the
 * same again fails again) or ours (`server`: it may well work later).
 */
import { inWords } from '../../wire/argument.ts';

interface Entry {
  readonly fatal: boolean;
  readonly blame: 'peer' | 'server';
  readonly message: string;
}

const entry = (blame: Entry['blame'], message: string, fatal = false): Entry => ({ fatal, blame, message });

export const catalogue = {
  // Framing: nothing after these can be understood.
  'bad-header-length': entry('peer', 'the header length is not within bounds', true),
  'bad-header': entry('peer', 'the header is not a JSON object in UTF-8', true),
  'bad-body-length': entry('peer', 'the header does not say how long its body is', true),
  truncated: entry('peer', 'the connection ended in the middle of a frame', true),

  // Requests that are refused; the ones behind them are still served.
  'unknown-command': entry('peer', 'there is no such command'),
  'bad-request': entry('peer', 'a field of the request is missing or wrong'),
  'bad-filename': entry('peer', 'the file name is not allowed'),
  'not-found': entry('peer', 'there is no such file'),
  exists: entry('peer', 'there is a file of that name already'),
  'name-conflict': entry('peer', 'a file and a folder cannot have the same name'),
  'not-a-file': entry('peer', 'the name is taken by something that is not a regular file'),
  'bad-offset': entry('peer', 'the offset is not where the content ends so far'),
  'bad-range': entry('peer', 'the range lies outside the file'),
  'size-mismatch': entry('peer', 'the content is not as long as was said'),
  'crc-mismatch': entry('peer', 'the content does not have the CRC-32 that was said'),
  'sha256-mismatch': entry('peer', 'the content does not have the SHA-256 that was said'),
  'upload-taken': entry('peer', 'another connection has taken the upload over'),

  // Who may do what.
  'not-authenticated': entry('peer', 'the server must know who you are first: say hello with a token'),
  'bad-token': entry('peer', 'the token is not one the server knows', true),
  forbidden: entry('peer', 'you may not do that'),

  // Limits.
  'too-large': entry('peer', 'the file is larger than the server takes'),
  'quota-exceeded': entry('peer', 'there is no room left in the quota'),
  'too-many-uploads': entry('server', 'the server keeps too many unfinished uploads'),
  'too-many-connections': entry('server', 'the server has too many connections', true),
  'timed-out': entry('peer', 'the server has waited long enough', true),

  // What the server cannot do now.
  'disk-full': entry('server', 'the disk is full'),
  'permission-denied': entry('server', 'the server may not write there'),
  'read-only': entry('server', 'the file system is read-only'),
  'too-many-open-files': entry('server', 'the server has too many files open'),
  'io-error': entry('server', 'the file system failed'),
  busy: entry('server', 'the server has no memory for so large a request now'),
  'shutting-down': entry('server', 'the server is shutting down'),
  internal: entry('server', 'the server failed in a way it does not know'),
} as const satisfies Readonly<Record<string, Entry>>;

export type ErrorCode = keyof typeof catalogue;

/** An error as it is sent: a code from the catalogue, the message in words, and what else helps. */
export interface ErrorInfo {
  readonly code: ErrorCode;
  readonly message: string;
  /** The field of the request that is wrong, where one is. */
  readonly field?: string;
  /** What the system said, e.g. `ENOSPC`. */
  readonly cause?: string;
  readonly [detail: string]: unknown;
}

/**
 * Makes an error from the catalogue.
 *
 * @param why what exactly is wrong and what to do; appended to the catalogue's message.
 * @param details further fields of the error, sent as they are.
 * @example errorInfo('bad-offset', 'the server has 10 bytes', { offset: 10 })
 */
export function errorInfo(
  code: ErrorCode,
  why?: string,
  details?: Readonly<Record<string, unknown>>,
): ErrorInfo {
  checkCode('errorInfo', code);
  const { message } = catalogue[code];
  return { code, message: why === undefined ? message : `${message}: ${why}`, ...details };
}

export function isFatal(code: ErrorCode): boolean {
  checkCode('isFatal', code);
  return catalogue[code].fatal;
}

function checkCode(by: string, code: unknown): void {
  if (typeof code === 'string' && Object.hasOwn(catalogue, code)) return;
  throw new TypeError(`${by}: the code must be one of the catalogue, and is ${inWords(code)}`);
}
