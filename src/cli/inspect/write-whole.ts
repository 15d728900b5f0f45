/** Writes a file of results so that it is there whole or not at all, and never in the place of a capture. */
import { randomUUID } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemWords } from '../../files/protocol/system-words.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import { checkReplaceable } from '../transfer/place-file.ts';

/** Throws an `ExitError` when a file is one of the captures. @param by the option that names it. */
export function refuseOriginal(captures: readonly string[], to: string, by: string): void {
  const original = captures.find((file) => isSameFile(file, to));
  if (original !== undefined) throw usageError(`${by} would overwrite the capture ${printable(original)}`);
}

function isSameFile(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one), statSync(other)];
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    // A file that does not exist is not the same as another.
    return false;
  }
}

/**
 * Writes into a temporary file beside it, and renames that when it is whole.
 *
 * @param toStdout the option that prints instead.
 * @throws ExitError when it cannot be written.
 */
export async function writeWhole(
  to: string,
  toStdout: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(to), `.${randomUUID()}.part`);
  try {
    checkReplaceable(to, toStdout);
    const file = await open(temporary, 'wx');
    try {
      await write(file);
    } finally {
      await file.close();
    }
    await rename(temporary, to);
  } catch (error) {
    rmSync(temporary, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT' ? `there is no folder ${printable(dirname(to))}` : systemWords(error, 'write');
    throw exitError(exitStatus.failed, `${printable(to)} cannot be written: ${why}`);
  }
}

/** Throws an `ExitError` when a folder has the name, or without `force` anything. @param by the option that names it. */
export function refuseExisting(to: string, by: string, force: boolean): void {
  const found = statSync(to, { throwIfNoEntry: false });
  if (found?.isDirectory() === true)
    throw exitError(
      exitStatus.failed,
      `${printable(to)} is a folder: ${by} names a file, which may be in it`,
    );
  if (found === undefined || force) return;
  throw exitError(exitStatus.failed, `${printable(to)} is there already: --force replaces it`);
}
