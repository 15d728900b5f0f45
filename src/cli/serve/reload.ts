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

/** Reloads each file. The error of a wrong file is logged, and the old content stays in use. */
export async function reloadAll(all: readonly Reloadable[], log: Pick<ServerLog, 'info' | 'error'>) {
  if (all.length === 0) log.info('SIGHUP: there are no certificates and no tokens to read again');
  for (const { called, reload } of all) {
    try {
      await reload();
      log.info(`SIGHUP: ${called} was read again`);
    } catch (thrown) {
      log.error(`SIGHUP: ${called} stays as it was: ${withoutName(called, messageOf(thrown))}`);
    }
  }
}
