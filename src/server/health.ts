/**
 * Whether a server can do its work. Load balancers and orchestrators ask every few seconds.
 *
 * A peer must not be able to make a server look unhealthy, or one peer could have it taken out of service. So
 * a refusal for which the peer is to blame does not count, and the free space is asked of the disk.
 */
import { constants } from 'node:fs';
import { access, lstat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Observable } from 'rxjs';
import { type ServiceFault, serviceFault } from '../files/protocol/errors.ts';
import { RESERVED_FOLDER } from '../files/protocol/filename.ts';
import { createSystemError, errnoOf, systemFault } from '../store/disk/errno.ts';
import { RESERVED_FOLDER_ADVICE } from '../store/disk/opening/staging-folder.ts';
import type { EnginesStatus } from '../store/s3/engines-status.ts';
import { withTimeout } from '../store/with-timeout.ts';
import type { ServerEvent } from './event.ts';

/** Asks a store, cheaply, whether it can be written to: null when it can. Never rejects. */
export type Writable = () => Promise<ServiceFault | null>;

export interface Health {
  /**
   * `starting`: the server does not listen yet. `draining`: it accepts nothing new. `unwritable`: `error` is
   * the error of the store.
   */
  readonly status: 'ok' | 'starting' | 'draining' | 'unwritable';
  readonly error?: ServiceFault;
  /** Of a store over engines: the state of each. */
  readonly engines?: EnginesStatus;
}

export interface HealthOptions {
  /**
   * The events of the server, beginning before it listens. The reader subscribes at once, so the Observable
   * must be shared.
   */
  readonly events$: Observable<ServerEvent>;
  readonly shutdown$: Observable<unknown>;
  readonly writable?: Writable | undefined;
  /** Reads the state of the engines of the store; default it has none. */
  readonly engines?: (() => EnginesStatus) | undefined;
}

export interface HealthReader {
  readonly read: () => Promise<Health>;
  readonly stop: () => void;
}

/**
 * The errors of a write that mean a failing disk. Other errors can be caused by an unusual name or size that
 * a peer sent.
 */
const DISK_FAILURE_ERRNOS: ReadonlySet<unknown> = new Set(['EIO', 'EROFS', 'ESTALE']);
/**
 * Milliseconds for which a failed write counts. Without traffic no later write would prove that the disk
 * works again.
 */
const FAILURE_MEMORY_MS = 30_000;
/** Milliseconds that the store has to answer. A file system that hangs is no better than one that fails. */
const STORE_ANSWER_MAX_MS = 2_000;

export function watchHealth({ events$, shutdown$, writable, engines }: HealthOptions): HealthReader {
  let phase: 'starting' | 'ok' | 'draining' = 'starting';
  let failed: { readonly error: ServiceFault; readonly until: number } | null = null;
  const events = events$.subscribe({
    next: (event) => {
      switch (event.type) {
        case 'listening':
          if (phase === 'starting') phase = 'ok';
          return;
        case 'stored':
          failed = null;
          return;
        case 'refused':
          if (event.cmd === 'put' && DISK_FAILURE_ERRNOS.has(event.error.cause)) {
            failed = { error: event.error, until: Date.now() + FAILURE_MEMORY_MS };
          }
      }
    },
    complete: () => {
      phase = 'draining';
    },
    error: () => {
      phase = 'draining';
    },
  });
  const drain = () => {
    phase = 'draining';
  };
  // An error of it shuts the server down too.
  const shutdown = shutdown$.subscribe({ next: drain, error: drain });
  // One call of `writable` at a time, however many ask: on a file system that hangs each call would occupy a
  // thread.
  let asked: Promise<ServiceFault | null> | null = null;
  const askStore = (): Promise<ServiceFault | null> => {
    if (writable === undefined) return Promise.resolve(null);
    asked ??= writable().finally(() => {
      asked = null;
    });
    return withTimeout(STORE_ANSWER_MAX_MS, asked, serviceFault('io-error', 'the store does not answer'));
  };

  return {
    read: async () => {
      if (phase !== 'ok') return { status: phase };
      const recent = failed !== null && Date.now() < failed.until ? failed.error : null;
      const error = recent ?? (await askStore());
      const state = engines === undefined ? {} : { engines: engines() };
      return error === null ? { status: phase, ...state } : { status: 'unwritable', error, ...state };
    },
    stop: () => {
      events.unsubscribe();
      shutdown.unsubscribe();
    },
  };
}

/**
 * Checks the folder of a disk store without writing: whether the process may write there, whether the
 * reserved folder is a folder or missing (the store makes it again), and whether there is free space.
 *
 * @param root the folder that `openDiskStore` was given.
 * @param bytesMin the store counts as full when fewer bytes than this are free; default 1 MiB.
 */
export const diskWritable =
  (root: string, bytesMin = 1024 * 1024): Writable =>
  async () => {
    try {
      await access(root, constants.W_OK | constants.X_OK);
      if (await isNotFolder(join(root, RESERVED_FOLDER)))
        throw createSystemError('ENOTDIR', RESERVED_FOLDER_ADVICE);
      const { bavail, bsize } = await statfs(root);
      return bavail * bsize < bytesMin ? serviceFault('disk-full') : null;
    } catch (thrown) {
      const failure = systemFault(thrown);
      if (failure === undefined) throw thrown;
      return failure.error;
    }
  };

/**
 * Whether something that is not a folder is at a path. A symbolic link is not a folder, whatever it points
 * to.
 */
async function isNotFolder(path: string): Promise<boolean> {
  try {
    return !(await lstat(path)).isDirectory();
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return false;
    throw thrown;
  }
}
