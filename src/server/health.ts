/**
 * Whether a server can do its work: what a load balancer or an orchestrator asks every few seconds.
 *
 * Nothing a peer sends may make a server look ill, or one peer could have it taken out of service: refusals that are the
 * peer's doing do not count, and room on the disk is asked of the disk.
 */
import { constants } from 'node:fs';
import { access, lstat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Observable } from 'rxjs';
import { type ErrorInfo, errorInfo } from '../files/protocol/errors.ts';
import { RESERVED_FOLDER } from '../files/protocol/filename.ts';
import { createSystemError, errnoOf, systemFault } from '../store/disk/errno.ts';
import { RESERVED_FOLDER_ADVICE } from '../store/disk/staging-folder.ts';
import type { ServerEvent } from './event.ts';

/** Asks a store, cheaply, whether it can be written to: null when it can. Does not reject. */
export type Writable = () => Promise<ErrorInfo | null>;

export interface Health {
  /** `starting`: it does not listen yet. `draining`: it takes nothing new. `unwritable`: with the `error` of the store. */
  readonly status: 'ok' | 'starting' | 'draining' | 'unwritable';
  readonly error?: ErrorInfo;
}

export interface HealthOptions {
  /** What happens in the server, from before it listens on. It is subscribed to at once, so it must be shared. */
  readonly events$: Observable<ServerEvent>;
  readonly shutdown$: Observable<unknown>;
  readonly writable?: Writable | undefined;
}

export interface HealthReader {
  readonly read: () => Promise<Health>;
  readonly stop: () => void;
}

/** What the system says to a write when it is the disk that is ill. Others a peer's odd name or size may lead to. */
const DISK_FAILURE_ERRNOS: ReadonlySet<unknown> = new Set(['EIO', 'EROFS', 'ESTALE']);
/** Milliseconds for which a failed write counts: without traffic nobody would ever prove the opposite. */
const FAILURE_MEMORY_MS = 30_000;
/** Milliseconds the store has to answer. A file system that hangs is no better than one that fails. */
const STORE_ANSWER_MAX_MS = 2_000;

export function watchHealth({ events$, shutdown$, writable }: HealthOptions): HealthReader {
  let phase: 'starting' | 'ok' | 'draining' = 'starting';
  let failed: { readonly error: ErrorInfo; readonly until: number } | null = null;
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
  const shutdown = shutdown$.subscribe(() => {
    phase = 'draining';
  });
  // One question at a time, however many ask: of a file system that hangs, each would hold a thread.
  let asked: Promise<ErrorInfo | null> | null = null;
  const askStore = (): Promise<ErrorInfo | null> => {
    if (writable === undefined) return Promise.resolve(null);
    asked ??= writable().finally(() => {
      asked = null;
    });
    return withTimeout(STORE_ANSWER_MAX_MS, asked, errorInfo('io-error', 'the store does not answer'));
  };

  return {
    read: async () => {
      if (phase !== 'ok') return { status: phase };
      const recent = failed !== null && Date.now() < failed.until ? failed.error : null;
      const error = recent ?? (await askStore());
      return error === null ? { status: phase } : { status: 'unwritable', error };
    },
    stop: () => {
      events.unsubscribe();
      shutdown.unsubscribe();
    },
  };
}

/**
 * Asks the folder of a disk store, without writing: may we write there, is the server's private folder what it should be
 * (or not there: it is made again then), and is there any room?
 *
 * @param root the folder that `openDiskStore` was given.
 * @param bytesMin bytes below which there is no room; default 1 MiB.
 */
export const diskWritable =
  (root: string, bytesMin = 1024 * 1024): Writable =>
  async () => {
    try {
      await access(root, constants.W_OK | constants.X_OK);
      if (await isNotFolder(join(root, RESERVED_FOLDER)))
        throw createSystemError('ENOTDIR', RESERVED_FOLDER_ADVICE);
      const { bavail, bsize } = await statfs(root);
      return bavail * bsize < bytesMin ? errorInfo('disk-full') : null;
    } catch (thrown) {
      const failure = systemFault(thrown);
      if (failure === undefined) throw thrown;
      return failure.error;
    }
  };

/** Whether something that is not a folder is at a path; a link is none, wherever it leads. */
async function isNotFolder(path: string): Promise<boolean> {
  try {
    return !(await lstat(path)).isDirectory();
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return false;
    throw thrown;
  }
}

/** What it comes to, or what to say when that takes too long. */
async function withTimeout<T>(milliseconds: number, what: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), milliseconds).unref();
  });
  try {
    return await Promise.race([what, late]);
  } finally {
    clearTimeout(timer);
  }
}
