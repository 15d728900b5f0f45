/**
 * Lets one process at a time have a log: it shows by a file in the folder of the log that it is there, and looks for those
 * of others. Of two that come at once both withdraw, and try again a random time later.
 *
 * Members show in the same way that they make changes which the owner records. When an owner is dead, the next one waits
 * until its members are gone: one of them may still have a call of the system under way for a change that has begun, of
 * which the next owner has to know whether it happened.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Outcome } from '../contract.ts';
import { errnoOf } from '../disk/errno.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { endOwner, newOwner, ownerOf, ownerState } from '../disk/owner.ts';
import { err, ok } from '../outcome.ts';
import { called, type LogFolder, openLogFolder } from './log-folder.ts';

export interface LogOwner {
  /** Makes room for another owner. */
  leave(): Promise<void>;
}

export interface LogMember {
  /** Call it when no change is under way any more. */
  leave(): Promise<void>;
}

const PREFIX = 'owner-';
const MEMBER_PREFIX = 'member-';
/** Milliseconds between two signs of life, and after which an owner on another host counts as dead without one. */
const SIGN_MS = 5_000;
const SILENT_MS = 30_000;
const LOOK_AGAIN_MS_MAX = 100;

/**
 * Becomes the owner, once there is no other.
 *
 * @param waitMs how long to wait for that. `unavailable` after it.
 */
export async function becomeOwner(folder: LogFolder, waitMs: number): Promise<Outcome<LogOwner>> {
  const giveUpAt = Date.now() + waitMs;
  const name = newOwner();
  for (;;) {
    const file = await folder.create(PREFIX + name);
    const others = await otherOwners(folder, name).catch(async (error: unknown) => {
      await withdraw();
      endOwner(name);
      throw error;
    });
    if (others.length === 0) {
      const timer = setInterval(() => showLife(folder, PREFIX + name), SIGN_MS).unref();
      return ok({
        leave: async () => {
          clearInterval(timer);
          await withdraw();
          endOwner(name);
        },
      });
    }
    await withdraw();
    if (Date.now() >= giveUpAt) {
      endOwner(name);
      const processes = others.map((other) => `process ${ownerOf(other)?.pid}`).join(', ');
      return err('unavailable', `another process has the events of this folder: ${processes}`);
    }
    await wait(Math.random() * LOOK_AGAIN_MS_MAX);

    async function withdraw(): Promise<void> {
      file.close();
      await removeQuietly(folder, PREFIX + name);
    }
  }
}

/** Becomes a member of the log below a root, whose owner lives. Throws a `FormatError`, and system errors. */
export async function joinLog(root: string, fs: FileSystem): Promise<LogMember> {
  const folder = await openLogFolder(root, fs, false);
  const name = newOwner();
  try {
    // Those that were killed left theirs.
    await livingMembers(folder);
    (await folder.create(MEMBER_PREFIX + name)).close();
  } catch (error) {
    endOwner(name);
    folder.close();
    throw error;
  }
  return {
    leave: async () => {
      await removeQuietly(folder, MEMBER_PREFIX + name);
      endOwner(name);
      folder.close();
    },
  };
}

/** Those of this host. Removes the signs of those that are not alive; of another host its owner is waited for, longer. */
async function livingMembers(folder: LogFolder): Promise<readonly string[]> {
  const living: string[] = [];
  for (const file of await folder.list()) {
    const name = file.startsWith(MEMBER_PREFIX) ? file.slice(MEMBER_PREFIX.length) : '';
    const member = ownerOf(name);
    if (member === undefined) continue;
    if (ownerState(member, () => false) === 'alive') living.push(name);
    else await removeQuietly(folder, file);
  }
  return living;
}

/** Owners and members that are alive. Removes the signs of those that are not. */
async function otherOwners(folder: LogFolder, own: string): Promise<readonly string[]> {
  const others: string[] = [...(await livingMembers(folder))];
  for (const file of await folder.list()) {
    if (!file.startsWith(PREFIX) || file === PREFIX + own) continue;
    const name = file.slice(PREFIX.length);
    const owner = ownerOf(name);
    if (owner === undefined) continue;
    const state = ownerState(owner, () => false);
    if (state === 'alive' || (state === 'unknown' && (await showedLife(folder, file)))) others.push(name);
    else await removeQuietly(folder, file);
  }
  return others;
}

async function showedLife({ fs, pathOf }: LogFolder, file: string): Promise<boolean> {
  try {
    const stats = await called<{ readonly mtimeMs: number }>((callback) => fs.lstat(pathOf(file), callback));
    return stats.mtimeMs > Date.now() - SILENT_MS;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

async function showLife(folder: LogFolder, name: string): Promise<void> {
  try {
    // To empty it anew changes its time.
    (await folder.create(name)).close();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

async function removeQuietly(folder: LogFolder, name: string): Promise<void> {
  try {
    await folder.remove(name);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
