/** Reads the files of a running server again at SIGHUP: certificates and tokens. */

import { messageOf } from '../../base/sluice-error.ts';
import { withoutName } from '../shared/format.ts';
import type { ServerLog } from './server-log.ts';

export interface Reloadable {
  /** The name of the setting that names the file, for the log. */
  readonly called: string;
  /** Puts the new file into use. Rejects with its errors, and then nothing changes. */
  readonly reload: () => Promise<void>;
}

/**
 * Reloads each file. The error of a wrong file is logged, and the old content stays in use. Resolves with the names of
 * those that were read.
 */
export async function reloadAll(
  all: readonly Reloadable[],
  log: Pick<ServerLog, 'info' | 'error'>,
): Promise<readonly string[]> {
  const read: string[] = [];
  if (all.length === 0) log.info('SIGHUP: there are no certificates and no tokens to read again');
  for (const { called, reload } of all) {
    try {
      await reload();
      read.push(called);
      log.info(`SIGHUP: ${called} was read again`);
    } catch (thrown) {
      log.error(notReloaded(called, thrown));
    }
  }
  return read;
}

export const notReloaded = (called: string, thrown: unknown): string =>
  `SIGHUP: ${called} stays as it was: ${withoutName(called, messageOf(thrown))}`;
