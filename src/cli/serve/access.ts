/** The access file of `sluice serve`, which is read again at SIGHUP. */
import { type AccessFile, openAccessFile } from '../../server/access/access-file.ts';
import type { Configuration } from '../settings/configuration.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import type { Reloadable } from './reload.ts';

export interface ServerAccess {
  readonly file: AccessFile;
  readonly reloadable: Reloadable;
}

/**
 * Opens the access file; null when the settings name none, so that every client is let in.
 *
 * @throws an `ExitError` that names the field and the errors in its file. `reload` rejects likewise, and then changes
 * nothing.
 */
export async function openAccess({ settings, called }: Configuration): Promise<ServerAccess | null> {
  if (settings.access === null) return null;
  const opened = await openAccessFile(settings.access);
  if (!opened.ok) {
    const problems = opened.problems.map((problem) => `${called('access')}: ${problem}`);
    throw exitError(exitStatus.failed, problems.join('\nsluice: '));
  }
  const file = opened.value;
  const reload = async () => {
    const problems = await file.reload();
    if (problems.length > 0) throw new Error(problems.join('; '));
  };
  return { file, reloadable: { called: called('access'), reload } };
}
