/**
 * The path of a Unix socket in the file system: the socket is made, replaced and removed with care.
 *
 * A socket is made in a private folder beside its path, gets its mode there, and only then is linked to its path. So
 * there is no moment in which others than those meant can connect, and nothing at the path is ever overwritten.
 */
import {
  type BigIntStats,
  chmodSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  renameSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { systemWords } from '../../files/protocol/system-words.ts';
import { systemCode } from '../connection-fault.ts';
import { ListenError, type ListenFault } from '../listen-error.ts';

/** Bytes that the system allows a socket's path. */
const PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103;
/** Tries to put the socket at its path, when the file there changes meanwhile. */
const LOOKS_MAX = 20;

export interface UnixSocketPath {
  /** The path at which to listen before `publish`. */
  readonly hidden: string;
  /** Links the socket to its path. Resolves with null, or with why that is not possible. */
  readonly publish: (mode: number) => Promise<ListenError | null>;
  /** Removes our socket. A socket of another process at the path stays. */
  readonly remove: () => void;
}

/** Makes the private folder for a socket; or returns why that is not possible. */
export function openUnixSocketPath(path: string): UnixSocketPath | ListenError {
  const errorOf = errorsAt(`unix:${path}`);
  let folder: string;
  try {
    folder = mkdtempSync(join(dirname(path), '.s'));
  } catch (error) {
    return errorOf(error);
  }
  const hidden = join(folder, 's');
  const excessBytes = Math.max(Buffer.byteLength(path), Buffer.byteLength(hidden)) - PATH_BYTES_MAX;
  let ours: BigIntStats | undefined;
  let removed = false;

  function remove(): void {
    removed = true;
    rmSync(folder, { recursive: true, force: true });
    if (ours !== undefined && isSame(statOf(path), ours)) unlinkSync(path);
  }

  async function publish(mode: number): Promise<ListenError | null> {
    try {
      chmodSync(hidden, mode);
      for (let looks = 0; !removed; looks++) {
        if (tryLink()) return null;
        const why = looks === LOOKS_MAX ? 'what is there changes all the time' : await clearPath();
        if (why !== null) return why === 'in-use' ? inUse(path) : errorOf(why);
      }
      return null;
    } catch (error) {
      return errorOf(error);
    }
  }

  /** Links the socket to its path. Returns false when there is something already. */
  function tryLink(): boolean {
    try {
      linkSync(hidden, path);
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return false;
      throw error;
    }
    ours = statOf(hidden);
    rmSync(folder, { recursive: true, force: true });
    return true;
  }

  /** Removes a socket on which no server listens. Returns the reason why a file at the path stays. */
  async function clearPath(): Promise<string | null> {
    const there = statOf(path);
    if (there === undefined) return null;
    if (!there.isSocket())
      return 'there is something that is not a socket: remove it, or choose another path';
    if (await isLive(path)) return 'in-use';
    // Another process may have replaced it while we asked: then the caller looks again.
    const still = statOf(path);
    if (removed || !isSame(still, there) || still?.ctimeNs !== there.ctimeNs) return null;
    // It may also do so at this moment: so we move the file away first, and ask once more.
    const moved = join(folder, 'old');
    renameSync(path, moved);
    if (await isLive(moved)) {
      linkSync(moved, path);
      return 'in-use';
    }
    if (!removed) unlinkSync(moved);
    return null;
  }

  if (excessBytes > 0) {
    remove();
    return errorOf(`the path is ${excessBytes} bytes too long: choose a folder with a shorter name`);
  }
  return { hidden, publish, remove };
}

const statOf = (path: string): BigIntStats | undefined =>
  lstatSync(path, { bigint: true, throwIfNoEntry: false });

const isSame = (one: BigIntStats | undefined, other: BigIntStats): boolean =>
  one !== undefined && one.ino === other.ino && one.dev === other.dev;

/** Whether a server listens on a socket, or may: one that we must not connect to counts as live. */
const isLive = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ path });
    const answer = (live: boolean) => {
      socket.destroy();
      resolve(live);
    };
    socket.on('connect', () => answer(true));
    socket.on('error', (error) => answer(!['ECONNREFUSED', 'ENOENT'].includes(systemCode(error) ?? '')));
  });

const inUse = (path: string): ListenError =>
  new ListenError({
    code: 'in-use',
    address: `unix:${path}`,
    message: `unix:${path} is in use by another program: stop it, or choose another path`,
  });

/** Turns errors of the system, or a reason in words, into errors that have the address. */
const errorsAt =
  (address: string) =>
  (error: unknown): ListenError => {
    const code = ['EACCES', 'EPERM'].includes(systemCode(error) ?? '') ? 'forbidden' : 'failed';
    const message = `cannot listen on ${address}: ${systemWords(error, 'write')}`;
    const fault: ListenFault = { code, address, message };
    return new ListenError(fault, error instanceof Error ? { cause: error } : {});
  };
