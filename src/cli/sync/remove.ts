/** Removes what a sync finds too much in its destination. */
import { rmdirSync, unlinkSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { lastValueFrom } from 'rxjs';
import { systemWords } from '../../files/protocol/system-words.ts';
import { isExitError } from '../shared/exit-error.ts';
import { ofName, printable } from '../shared/format.ts';
import { forEachNameInTurns, withClient } from '../shared/with-client.ts';
import type { SyncFile, SyncRun } from './sync-run.ts';

export interface Remover {
  /** Removes them. What cannot be removed is said and counted, and does not stop the others. */
  readonly remove: (files: readonly SyncFile[]) => Promise<void>;
  readonly removed: () => number;
  readonly failed: () => number;
}

export function createRemover(run: SyncRun): Remover {
  const { flags, transferRun } = run;
  const { output } = transferRun;
  let [removed, failed] = [0, 0];
  const done = ({ transfer }: SyncFile) => {
    removed++;
    const name = run.isUpload ? transfer.filename : transfer.path;
    if (flags.json) output.json({ event: 'removed', name });
    else if (!flags.quiet) output.line(`removed ${printable(name)}`);
  };
  return {
    removed: () => removed,
    failed: () => failed,
    remove: async (files) => {
      if (files.length === 0) return;
      const before = removed;
      if (run.isUpload) await removeRemote(files, run, done);
      else removeLocal(files, run, done);
      failed += files.length - (removed - before);
    },
  };
}

async function removeRemote(
  files: readonly SyncFile[],
  { flags, transferRun }: SyncRun,
  done: (file: SyncFile) => void,
): Promise<void> {
  const { output } = transferRun;
  await withClient(flags, output, async (client) => {
    const byName = new Map(files.map((file) => [file.transfer.filename, file]));
    try {
      await forEachNameInTurns([...byName.keys()], output, async (name) => {
        await lastValueFrom(client.delete(name), { defaultValue: undefined });
        done(byName.get(name)!);
      });
    } catch (thrown) {
      // It was said of each of them.
      if (!isExitError(thrown)) throw thrown;
    }
  });
}

function removeLocal(
  files: readonly SyncFile[],
  { dest, transferRun }: SyncRun,
  done: (file: SyncFile) => void,
): void {
  const { output } = transferRun;
  for (const file of files) {
    const { path } = file.transfer;
    try {
      unlinkSync(path);
      done(file);
    } catch (error) {
      output.error(ofName(path, systemWords(error as NodeJS.ErrnoException, 'write')));
      continue;
    }
    removeEmptyFolders(dirname(path), dest);
  }
}

/** Removes a folder that has nothing left, and those above it, but not the destination itself. */
function removeEmptyFolders(folder: string, top: string): void {
  for (let at = folder; relative(top, at) !== '' && !relative(top, at).startsWith('..'); at = dirname(at)) {
    try {
      rmdirSync(at);
    } catch {
      return;
    }
  }
}
