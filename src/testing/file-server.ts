/** Sluice's file server, in memory, as what a recorded client is replayed against. */
import { fileURLToPath } from 'node:url';
import { defer, from, switchMap } from 'rxjs';
import type { Replies } from '../capture/replay/replies.ts';
import { defaultLimits } from '../server/limits.ts';
import { type ServeOptions, serve } from '../server/serve.ts';
import { DEFAULT_IGNORED_FIELDS, sluiceReplies } from '../server/verify-replay.ts';
import { loadFolder } from '../store/memory/load-folder.ts';
import type { MemoryStore } from '../store/memory/memory-store.ts';
import { ANYTHING, checkOptions, either, FILE_URL, optional, RECORD, TEXT } from '../wire/argument.ts';
import type { Service } from './pipeline.ts';

/** The files, the commands and the limits of the server that `fileServer` makes. All may be left out. */
export interface FileServerOptions
  extends Pick<ServeOptions, 'commands' | 'customHandlers' | 'limits' | 'access'> {
  /** A folder with the files that the recorded server had when the recording began; default none. */
  readonly files?: string | URL;
}

/** A replayed client always reads its replies, so the server need not wait for a quiet period. */
const QUIET_PERIOD = { initial: 0, minimum: 0, midFrame: 0 };

/**
 * Sluice's file server with an empty store in memory, or one with the files of a folder. It begins anew for each replay.
 *
 * @throws TypeError when an option is of the wrong kind.
 * @example
 * import { expect } from 'vitest';
 *
 * await expect(captureFile('session.pcapng')).toReplayTheSame(fileServer({ files: 'test/uploads' }));
 */
export function fileServer(options: FileServerOptions = {}): Service {
  checkOptions('fileServer', options, {
    files: optional(either(TEXT, FILE_URL)),
    limits: optional(RECORD),
    commands: ANYTHING,
    customHandlers: ANYTHING,
    access: ANYTHING,
  });
  const { files, limits, ...others } = options;
  return {
    type: 'service',
    serve: (connections$) =>
      defer(() => from(storeOf(files))).pipe(
        switchMap((store) =>
          serve({
            ...others,
            connections$,
            store,
            limits: { ...defaultLimits, quietPeriod: QUIET_PERIOD, ...limits },
          }),
        ),
      ),
    replies: (ignore = DEFAULT_IGNORED_FIELDS) => sluiceReplies(ignore) as Replies<unknown>,
  };
}

const storeOf = (files: string | URL | undefined): Promise<MemoryStore> =>
  loadFolder(
    files === undefined || typeof files === 'string' ? files : fileURLToPath(files.href),
    (_, path, why) => new Error(`fileServer: ${path} cannot be loaded: ${why}`),
  );
