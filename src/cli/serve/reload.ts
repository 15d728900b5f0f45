/** Reads again, at SIGHUP, what a running server was told by files: certificates and tokens. */

import { isExitError } from '../shared/exit-error.ts';
import { withoutName } from '../shared/format.ts';
import type { ServerLog } from './server-log.ts';

export interface Reloadable {
  /** How the setting is called that names the file, for the log. */
  readonly called: string;
  /** Takes up the new file; rejects with what is wrong with it, and then all stays as it was. */
  readonly reload: () => Promise<void>;
}

/** Takes up each file that is right. One that is wrong is told, and the old one goes on to be used. */
export async function reloadAll(all: readonly Reloadable[], log: Pick<ServerLog, 'info' | 'error'>) {
  if (all.length === 0) log.info('SIGHUP: there are no certificates and no tokens to read again');
  for (const { called, reload } of all) {
    try {
      await reload();
      log.info(`SIGHUP: ${called} was read again`);
    } catch (thrown) {
      const message = thrown instanceof Error || isExitError(thrown) ? thrown.message : null;
      const why = message ?? String(thrown);
      log.error(`SIGHUP: ${called} stays as it was: ${withoutName(called, why)}`);
    }
  }
}
