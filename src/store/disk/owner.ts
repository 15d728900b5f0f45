/**
 * The owner of a folder of unfinished files, and whether that process is still alive.
 *
 * Several processes may serve one root, on one host or on several that share the disk. Each has a staging
 * folder of its own, whose name identifies the owner: process, start of the process, a random token, host.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { crc32 } from '../crc32.ts';

/** The owner as the name of its folder says. */
interface Owner {
  readonly pid: number;
  /** When the process started, in the kernel's ticks; '0' where that is unknown. */
  readonly started: string;
  readonly token: string;
  /** The checksum of the host's name, in hex. */
  readonly host: string;
}

/** The tokens of the stores that are open in this process (in this thread of it). */
const liveTokens = new Set<string>();

const thisHost = (): string => crc32(Buffer.from(hostname())).toString(16);

/** A name for a new owner's folder, alive until `endOwner`. */
export function newOwner(): string {
  const token = randomBytes(8).toString('hex');
  liveTokens.add(token);
  return `${process.pid}-${startOfProcess(process.pid)}.${token}.${thisHost()}`;
}

export function endOwner(name: string): void {
  const owner = ownerOf(name);
  if (owner !== undefined) liveTokens.delete(owner.token);
}

/** The owner of a folder; undefined when `newOwner` cannot have given its name. */
export function ownerOf(name: string): Owner | undefined {
  const [, pid, started, token, host] =
    /^(\d{1,10})-(\d+)\.([0-9a-f]{16})\.([0-9a-f]{1,8})$/.exec(name) ?? [];
  if (pid === undefined || started === undefined || token === undefined || host === undefined)
    return undefined;
  return { pid: Number(pid), started, token, host };
}

/** `unknown`: it is of another host. */
export type OwnerState = 'alive' | 'dead' | 'unknown';

/**
 * What is known of an owner.
 *
 * @param isOpenHere whether this process has the owner's folder open: another thread of it may, with its own
 *   list of tokens. A process can have the number of a dead one (in a container it always does).
 */
export function ownerState({ pid, started, token, host }: Owner, isOpenHere: () => boolean): OwnerState {
  if (host !== thisHost()) return 'unknown';
  if (pid === process.pid) return liveTokens.has(token) || isOpenHere() ? 'alive' : 'dead';
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return 'dead';
  }
  const now = startOfProcess(pid);
  return now === '0' || started === '0' || now === started ? 'alive' : 'dead';
}

function startOfProcess(pid: number): string {
  try {
    // The command is in parentheses and may contain any character; the fields after it do not.
    const afterCommand = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1) ?? '';
    return afterCommand.split(' ')[19] ?? '0';
  } catch {
    return '0';
  }
}
