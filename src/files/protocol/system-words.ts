/**
 * Turns errors of the operating system into sentences for people. `EISDIR: illegal operation on a directory, rename
 * '.sluice-1f.part' -> 'a'` names a file that the user does not know, and does not explain what is wrong with `a`.
 *
 * This file knows no files and no Node. It recognizes a system error by its code.
 */
import { messageOf } from '../../base/sluice-error.ts';

/** The operation on the file. Some codes mean different things for reading and for writing. */
export type Doing = 'read' | 'write';

/** A sentence; or those for reading and for writing. */
const SENTENCES: Readonly<Record<string, string | readonly [read: string, write: string]>> = {
  EACCES: ['this user may not read it', 'this user may not write there'],
  EPERM: ['the system does not let this user read it', 'the system does not let this user write there'],
  EROFS: 'the file system is read-only',
  ENOENT: ['there is no such file', 'the folder or the file is not there'],
  ENOTDIR: 'a part of its path is no folder',
  EISDIR: ['it is a folder', 'there is a folder of that name'],
  EEXIST: ['it is there already', 'there is something of that name already'],
  ENOTEMPTY: 'there is a folder of that name, with something in it',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'its name is too long for the file system',
  EILSEQ: 'its name is none that the file system takes',
  EINVAL: ['it cannot be read', 'the file system does not take it, or not under that name'],
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota of this user is used up',
  EFBIG: 'it is larger than the file system takes',
  EOVERFLOW: 'it is larger than this program can handle',
  EMFILE: 'this program has too many files open: raise its limit (ulimit -n)',
  ENFILE: 'the system has too many files open',
  ENOMEM: 'the system has no memory left',
  EIO: [
    'it cannot be read: the disk has failed, or what is behind it',
    'the disk has failed, or what is behind it',
  ],
  EREMOTEIO: 'the disk of the network has failed',
  EBUSY: 'it is in use',
  ETXTBSY: 'it is a program that is running',
  EAGAIN: ['there is nothing to read at this moment', 'it cannot be written at this moment'],
  ENXIO: 'there is nothing behind it',
  ENODEV: 'there is no such device',
  ESTALE: 'the network file system has lost it',
  ETIMEDOUT: 'the network file system does not answer',
  EHOSTDOWN: 'the network file system does not answer',
  ENOTCONN: 'the file system behind it is gone',
  EXDEV: 'it lies on another file system',
  EMLINK: 'it has too many links',
  ENOTSUP: 'the file system cannot do that',
  EOPNOTSUPP: 'the file system cannot do that',
  ENOSYS: 'the system cannot do that',
  EPIPE: 'nobody reads it any more',
  EAFNOSUPPORT: 'this machine has no addresses of that kind',
  EAI_AGAIN: 'the host name could not be looked up',
};

/** The code of an error of the system (`ENOSPC`), or of Node about the system; undefined for any other error. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Describes an error without a path, with the system's code at the end. Returns the message of an error that is no
 * system error. For a code that has no sentence here, returns the system's own words without the call and the paths.
 *
 * @example
 * systemWords(error, 'write') // 'there is a folder of that name (EISDIR)'
 */
export function systemWords(error: unknown, doing: Doing): string {
  const message = messageOf(error);
  const code = codeOf(error);
  if (code === undefined) return message;
  const known = Object.hasOwn(SENTENCES, code) ? SENTENCES[code] : undefined;
  if (typeof known === 'string') return `${known} (${code})`;
  if (known !== undefined) return `${known[doing === 'read' ? 0 : 1]} (${code})`;
  const own = /^[A-Z][A-Z0-9_]*: (.+?), \w+(?: '.*)?$/s.exec(message)?.[1];
  return `the system says: ${own ?? 'it failed'} (${code})`;
}
