/** `sluice serve --record`: writes a capture file for each connection into a folder. */

import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { map, type Observable, Subscription } from 'rxjs';
import type { CaptureError } from '../../capture/capture-fault.ts';
import { systemWords } from '../../files/protocol/system-words.ts';
import { requestFraming } from '../../files/session/dispatch.ts';
import type { ListenEvent } from '../../transport/listen-event.ts';
import { isWithin } from '../settings/checks.ts';
import type { Configuration } from '../settings/configuration.ts';
import { workersOf } from '../settings/limits.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import type { ServerLog } from './server-log.ts';

export interface Recording {
  /** The same connections, recorded. */
  readonly recorded: (connections$: Observable<ListenEvent>) => Observable<ListenEvent>;
  /** Logs where it records to, and each recording that is full or has failed. */
  readonly logTo: (log: ServerLog) => Subscription;
  readonly close: () => Promise<void>;
}

/** Without `--record`, the server gets the listeners' connections as they are. */
const NOT_RECORDING: Recording = {
  recorded: (connections$) => connections$,
  logTo: () => new Subscription(),
  close: async () => {},
};

/**
 * Makes the folder if it is missing. Throws an `ExitError` when it cannot record into it.
 *
 * @param worker the number of a worker, which has a folder of its own there, and its share of the files: a process
 *   removes the oldest of those that it knows of. Null where there are no workers.
 */
export async function openRecording(
  { settings, called }: Configuration,
  worker: number | null,
): Promise<Recording> {
  const { dir, recordMaxSize: maxBytes, recordMaxFiles, maxHeader } = settings;
  if (settings.record === null) return NOT_RECORDING;
  const record = worker === null ? settings.record : join(settings.record, `worker-${worker}`);
  const maxFiles = Math.max(1, Math.floor(recordMaxFiles / workersOf(settings)));
  // Imported only here, so that a server that records nothing does not load it.
  const { recordInto } = await import('../../capture/record/record-directory.ts');
  const requests = requestFraming(undefined, { maxHeader });
  const recorder = await recordInto(record, { maxBytes, maxFiles, requests }).catch(
    ({ cause }: CaptureError) => {
      const error = cause as NodeJS.ErrnoException;
      const isFile = error.code === 'EEXIST' || error.code === 'ENOTDIR';
      const why = isFile
        ? `${record} is a file, and must be a folder`
        : `${record}: ${systemWords(error, 'write')}`;
      throw exitError(exitStatus.failed, `${called('record')}: ${why}`);
    },
  );
  // The settings were compared by name, but a symbolic link may still lead into the served folder.
  if (isWithin(await realpath(dir), await realpath(record))) {
    throw usageError(`${called('record')} must not be in ${dir}: what is recorded would be served`);
  }
  return {
    recorded: (connections$) =>
      connections$.pipe(
        map((event) =>
          event.type === 'connection' ? { ...event, connection: recorder.wrap(event.connection) } : event,
        ),
      ),
    logTo(log) {
      log.info(`recording into ${record}: the contents of files can be read there, tokens are hidden`);
      return recorder.ends$.subscribe(({ path, why, message }) => {
        if (why === 'full') log.info(`${path} is full: ${message}`);
        else log.warn(`recording into ${path} has failed: ${message}`);
      });
    },
    close: recorder.close,
  };
}
