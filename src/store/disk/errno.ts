/** Maps errors of the operating system to errors of the catalogue, which peers get. */
import { catalogue, type ErrorCode } from '../../files/protocol/errors.ts';
import { err, type RefusedOutcome } from '../outcome.ts';
import type { Task } from '../task.ts';

/**
 * The codes that mean the same for every call. The callers handle those that depend on the call (`EEXIST`,
 * `EISDIR`, …); when one still comes here, something unusual is in the tree.
 */
const CODE_BY_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
  EACCES: 'permission-denied',
  EPERM: 'permission-denied',
  EROFS: 'read-only',
  EMFILE: 'too-many-open-files',
  ENFILE: 'too-many-open-files',
  ELOOP: 'not-a-file',
  ENXIO: 'not-a-file',
  ENAMETOOLONG: 'bad-filename',
  EISDIR: 'name-conflict',
  ENOTDIR: 'name-conflict',
  ENOTEMPTY: 'name-conflict',
  EEXIST: 'exists',
};

/**
 * The store's own files are in a format that this program cannot use.
 *
 * @param why what is wrong, and what the operator can do.
 */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  constructor(readonly why: string) {
    super(why);
  }
}

/** The code of a system error (`ENOSPC`); undefined for any other error, which is a bug. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * The outcome of a system error or a `FormatError`; undefined for any other error. That of a system error has the system's code as `cause`. It never
 * has the system's message, which contains the server's paths, only a `why` that was set on purpose.
 */
export function systemFault(error: unknown): RefusedOutcome | undefined {
  if (error instanceof FormatError) return err('format-conflict', error.why);
  const cause = errnoOf(error);
  if (cause === undefined) return undefined;
  const why = explanationOf(error);
  const isOurs = error instanceof Error && 'isOurs' in error;
  return err(isOurs ? 'io-error' : codeOf(cause), why, { cause });
}

/** The explanation that was set on purpose: what is wrong, and what to do. */
export const explanationOf = (error: unknown): string | undefined =>
  error instanceof Error && 'why' in error ? String(error.why) : undefined;

const codeOf = (errno: string): ErrorCode => CODE_BY_ERRNO[errno] ?? 'io-error';

/**
 * The same error for an operation on the server's own files, with no name that a peer chose: an error that
 * would blame the peer becomes one of the server. Any other error is returned unchanged.
 *
 * @param why the cause, and what the operator can do.
 */
export function asServerError(error: unknown, why: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || catalogue[codeOf(errno)].blame === 'server') return error;
  return createSystemError(errno, why);
}

/**
 * An error as the system would have thrown it, for a fault that the server found itself. It blames the
 * server, not the peer.
 */
export const createSystemError = (errno: string, why: string): Error =>
  Object.assign(new Error(why), { code: errno, syscall: 'open', why, isOurs: true });

/** Runs the steps and ignores system errors: for cleaning up, where no call could report them. */
export function* ignoreSystemErrors(steps: Task<void>): Task<void> {
  try {
    yield* steps;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
