/** What the operating system says, as the error of the catalogue that a peer is told. */
import { catalogue, type ErrorCode } from '../../files/protocol/errors.ts';
import { err, type RefusedOutcome } from '../outcome.ts';
import type { Task } from '../task.ts';

/**
 * The codes that mean the same wherever they come up. Those that depend on what was asked (`EEXIST`, `EISDIR`, …) are
 * dealt with where it was asked; when one still comes here, something odd is in the tree.
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

/** The code of a system error (`ENOSPC`); undefined when it is no such error, and so a bug. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * The failure that a system error is; undefined when it is no system error. It bears the system's code as `cause`, and
 * never the system's message, which has the server's paths in it; only a `why` that was put there on purpose.
 */
export function systemFault(error: unknown): RefusedOutcome | undefined {
  const cause = errnoOf(error);
  if (cause === undefined) return undefined;
  const why = explanationOf(error);
  const isOurs = error instanceof Error && 'isOurs' in error;
  return err(isOurs ? 'io-error' : codeOf(cause), why, { cause });
}

/** What was put there on purpose to be told: what is wrong, and what to do. */
export const explanationOf = (error: unknown): string | undefined =>
  error instanceof Error && 'why' in error ? String(error.why) : undefined;

const codeOf = (errno: string): ErrorCode => CODE_BY_ERRNO[errno] ?? 'io-error';

/**
 * The same trouble where no name that a peer chose had a part in it: what would be called the peer's doing is the server's
 * then. Anything else is given back as it is.
 *
 * @param why what is wrong and what whoever runs the server can do.
 */
export function asServerError(error: unknown, why: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || catalogue[codeOf(errno)].blame === 'server') return error;
  return createSystemError(errno, why);
}

/** What is thrown when the server finds by itself what the system would have said so. It is the server's, not the peer's. */
export const createSystemError = (errno: string, why: string): Error =>
  Object.assign(new Error(why), { code: errno, syscall: 'open', why, isOurs: true });

/** Goes on whether it succeeds or the system refuses: for cleaning up, where there is nobody left to tell. */
export function* ignoreSystemErrors(steps: Task<void>): Task<void> {
  try {
    yield* steps;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
