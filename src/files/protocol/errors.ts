/**
 * The one catalogue of errors, as they are sent to the peer.
 *
 * An error is plain data. With `fatal` the connection ends: the server sends the error, reads nothing behind it, and
 * ends its side. `blame` names the side that caused it: the peer (the same request fails again) or the server (the request
 * may succeed later).
 */
import { inWords } from '../../wire/argument.ts';

/** The facts of an error code. */
export interface ErrorDefinition {
  /** Whether the connection ends: the server sends the error, reads nothing behind it, and ends its side. */
  readonly fatal: boolean;
  /**
   * Whose fault it is: of the `peer`, and the same request fails again; or of the `server`, and it may succeed later.
   */
  readonly blame: 'peer' | 'server';
  /** The first words of the error's `message`. */
  readonly message: string;
}

const define = (blame: ErrorDefinition['blame'], message: string, fatal = false): ErrorDefinition => ({
  fatal,
  blame,
  message,
});

/**
 * The errors of the file service by their codes, as a server sends them: the one list of them.
 *
 * @example
 * catalogue['not-found']; // { fatal: false, blame: 'peer', message: 'there is no such file' }
 */
export const catalogue = {
  // Framing: after these the server cannot read the bytes of the connection.
  'bad-header-length': define('peer', 'the header length is not within bounds', true),
  'bad-header': define('peer', 'the header is not a JSON object in UTF-8', true),
  'bad-body-length': define('peer', 'the header does not say how long its body is', true),
  truncated: define('peer', 'the connection ended in the middle of a frame', true),

  // Requests that are refused; the ones behind them are still served.
  'unknown-command': define('peer', 'there is no such command'),
  'bad-request': define('peer', 'a field of the request is missing or wrong'),
  'bad-filename': define('peer', 'the file name is not allowed'),
  'not-found': define('peer', 'there is no such file'),
  exists: define('peer', 'there is a file of that name already'),
  'name-conflict': define('peer', 'a file and a folder cannot have the same name'),
  'not-a-file': define('peer', 'the name is taken by something that is not a regular file'),
  'bad-offset': define('peer', 'the offset is not where the content ends so far'),
  'bad-range': define('peer', 'the range lies outside the file'),
  'size-mismatch': define('peer', 'the content is not as long as was said'),
  'crc-mismatch': define('peer', 'the content does not have the CRC-32 that was said'),
  'sha256-mismatch': define('peer', 'the content does not have the SHA-256 that was said'),
  'upload-taken': define('peer', 'another connection has taken the upload over'),

  // Access.
  'not-authenticated': define('peer', 'the server must know who you are first: say hello with a token'),
  'bad-token': define('peer', 'the token is not one the server knows', true),
  forbidden: define('peer', 'you may not do that'),

  // Limits.
  'too-large': define('peer', 'the file is larger than the server takes'),
  'quota-exceeded': define('peer', 'there is no room left in the quota'),
  rejected: define('peer', 'the server does not take this file'),
  'too-many-uploads': define('server', 'the server keeps too many unfinished uploads'),
  'too-many-connections': define('server', 'the server has too many connections', true),
  'timed-out': define('peer', 'the server has waited long enough', true),

  // Failures of the server, its disk and its memory.
  'disk-full': define('server', 'the disk is full'),
  'permission-denied': define('server', 'the server may not write there'),
  'read-only': define('server', 'the file system is read-only'),
  'too-many-open-files': define('server', 'the server has too many files open'),
  'format-conflict': define('server', 'the store is in a format that the server cannot use'),
  'io-error': define('server', 'the file system failed'),
  unavailable: define('server', 'what the server stores in cannot be used now'),
  'events-full': define('server', 'the server keeps too many events that were not delivered yet'),
  busy: define('server', 'the server has no memory for so large a request now'),
  'shutting-down': define('server', 'the server is shutting down'),
  internal: define('server', 'the server failed in a way it does not know'),
} as const satisfies Readonly<Record<string, ErrorDefinition>>;

/**
 * The code of an error of the file service: a key of `catalogue`. The protocol's README (`src/files/protocol/README.md`
 * in the package) says when each comes, and what a client can do.
 */
export type ErrorCode = keyof typeof catalogue;

/** An error on the wire: a code from the catalogue, a message, and further details. */
export interface ServiceFault {
  /** The kind of the error: the one field to tell errors apart by. */
  readonly code: ErrorCode;
  /** The message of the catalogue, the exact reason, and the remedy. */
  readonly message: string;
  /** The field of the request that is wrong, where one is. */
  readonly field?: string;
  /** The code of the operating system, e.g. `ENOSPC`. */
  readonly cause?: string;
  readonly [detail: string]: unknown;
}

/**
 * Makes an error from the catalogue.
 *
 * @param why the exact reason and the remedy; appended to the message of the catalogue.
 * @param details further fields of the error.
 * @example serviceFault('bad-offset', 'the server has 10 bytes', { offset: 10 })
 */
export function serviceFault(
  code: ErrorCode,
  why?: string,
  details?: Readonly<Record<string, unknown>>,
): ServiceFault {
  checkCode('serviceFault', code);
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
