/**
 * Requests: one pattern for each command, and the request types inferred from the patterns.
 *
 * The patterns are the single source. A header that matches none is refused with the first field that is wrong, which
 * `requestFault` finds in the same pattern.
 */
import { isMatching, P } from 'ts-pattern';
// Unused, but declarations of exported patterns can only name their types through it.
import type {} from 'ts-pattern/types';
import type { JsonHeader } from '../../wire/json-header.ts';
import { UPLOAD_ID_PATTERN } from './upload.ts';

/** A whole number of bytes, from 0 to 2^53 − 1. */
const bytes = P.when(
  (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0,
);
const count = P.when(
  (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1,
);
const upload = P.string.regex(UPLOAD_ID_PATTERN);
const crc32 = P.when(
  (value: unknown): value is number =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffffffff,
);
const millis = P.when((value: unknown): value is number => Number.isSafeInteger(value));

/** Characters of an id. */
const ID_LENGTH_MAX = 256;

/** The reply echoes it, so that a client can tell its replies apart: a string of up to 256 characters or a number. */
const isId = (value: unknown): value is RequestId =>
  typeof value === 'string' ? value.length <= ID_LENGTH_MAX : Number.isFinite(value);
const id = P.optional(P.when(isId));

export const requestPatterns = {
  put: {
    cmd: 'put',
    id,
    filename: P.string,
    filesize: bytes,
    offset: P.optional(bytes),
    upload: P.optional(upload),
    crc32: P.optional(crc32),
    sha256: P.optional(P.string.regex(/^[0-9a-fA-F]{64}$/)),
    progress: P.optional(count),
    mtime: P.optional(millis),
    ifAbsent: P.optional(P.boolean),
  },
  resume: { cmd: 'resume', id, upload },
  cancel: { cmd: 'cancel', id, upload },
  hello: { cmd: 'hello', id, token: P.optional(P.string.maxLength(1024)) },
  get: { cmd: 'get', id, filename: P.string, offset: P.optional(bytes), length: P.optional(bytes) },
  list: {
    cmd: 'list',
    id,
    prefix: P.optional(P.string),
    after: P.optional(P.string),
    limit: P.optional(count),
  },
  stat: { cmd: 'stat', id, filename: P.string, checksum: P.optional(P.boolean) },
  delete: { cmd: 'delete', id, filename: P.string },
  rename: { cmd: 'rename', id, filename: P.string, to: P.string, ifAbsent: P.optional(P.boolean) },
  ping: { cmd: 'ping', id },
} as const;

type Patterns = typeof requestPatterns;
export type PutRequest = P.infer<Patterns['put']>;
export type ResumeRequest = P.infer<Patterns['resume']>;
export type CancelRequest = P.infer<Patterns['cancel']>;
export type HelloRequest = P.infer<Patterns['hello']>;
export type GetRequest = P.infer<Patterns['get']>;
export type ListRequest = P.infer<Patterns['list']>;
export type StatRequest = P.infer<Patterns['stat']>;
export type DeleteRequest = P.infer<Patterns['delete']>;
export type RenameRequest = P.infer<Patterns['rename']>;
export type PingRequest = P.infer<Patterns['ping']>;
export type Request = { [C in keyof Patterns]: P.infer<Patterns[C]> }[keyof Patterns];

/** The name of a request, a text or a number of the client's choice. The reply repeats it. */
export type RequestId = string | number;

/** The id of a request, if its header has one that a reply may echo. */
export function idOf(header: JsonHeader): RequestId | null {
  const value = Object.hasOwn(header, 'id') ? header.id : undefined;
  return isId(value) ? value : null;
}

/** The rules for fields that several commands share, in words. */
const FIELD_TEXT: Readonly<Record<string, string>> = {
  id: 'a string of at most 256 characters or a number',
  filename: 'a string',
  to: 'a string',
  filesize: 'a whole number of bytes from 0 to 9007199254740991',
  offset: 'a whole number of bytes from 0 to 9007199254740991',
  length: 'a whole number of bytes from 0 to 9007199254740991',
  upload: '1 to 64 of the characters A-Z a-z 0-9 _ -',
  crc32: 'a whole number from 0 to 4294967295',
  sha256: '64 hexadecimal digits',
  progress: 'a whole number of bytes from 1',
  token: 'a string of at most 1024 characters',
  mtime: 'a whole number of milliseconds since 1970',
  ifAbsent: 'true or false',
  checksum: 'true or false',
  prefix: 'a string',
  after: 'a string',
  limit: 'a whole number from 1',
};

/**
 * Finds the first field that keeps a header from matching a pattern, and explains the rule for it; null when the header
 * matches.
 *
 * @example
 * requestFault(requestPatterns.stat, { cmd: 'stat' })
 * // { field: 'filename', why: "'filename' is missing: it must be a string" }
 */
export function requestFault(
  pattern: Readonly<Record<string, unknown>>,
  header: JsonHeader,
): { readonly field: string; readonly why: string } | null {
  for (const field of Object.keys(pattern)) {
    const one = { [field]: pattern[field] } as P.Pattern<unknown>;
    const value = Object.hasOwn(header, field) ? { [field]: header[field] } : {};
    if (!isMatching(one)(value)) {
      const must = FIELD_TEXT[field] === undefined ? 'does not match' : `must be ${FIELD_TEXT[field]}`;
      const why = Object.hasOwn(header, field) ? `'${field}' ${must}` : `'${field}' is missing: it ${must}`;
      return { field, why };
    }
  }
  return null;
}
