/** What is known of the store: whether it can be written to, its disk or engines, and its quotas. Read while somebody watches. */
import { statfs } from 'node:fs/promises';
import type { Observable } from 'rxjs';
import type { ShownHealth, ShownQuota, ShownSink } from '../../files/protocol/watching.ts';
import type { QuotaUse } from '../../store/quota/quotas.ts';
import type { EnginesStatus } from '../../store/s3/engines-status.ts';
import type { ServerEvent } from '../event.ts';
import { type Health, type Writable, watchHealth } from '../health.ts';

/** Bytes of a disk. */
export interface DiskSpace {
  readonly free: number;
  readonly size: number;
}

export interface StoreFactsOptions {
  /** Shared. */
  readonly events$: Observable<ServerEvent>;
  readonly shutdown$: Observable<unknown>;
  readonly writable?: Writable | undefined;
  readonly engines?: (() => EnginesStatus) | undefined;
  readonly disk?: (() => Promise<DiskSpace>) | undefined;
  /** How far those are who get the events of files. */
  readonly sinks?: (() => Promise<readonly ShownSink[]>) | undefined;
  readonly usage?: (() => readonly QuotaUse[] | Promise<readonly QuotaUse[]>) | undefined;
}

export interface StoreFacts {
  /** As they were read last. */
  readonly health: () => ShownHealth;
  readonly quotas: () => readonly ShownQuota[];
  readonly sinks: () => readonly ShownSink[] | null;
  /** Reads them anew, unless that is under way. */
  readonly refresh: () => void;
  readonly stop: () => void;
}

/** The quotas that are shown: there may be ten thousand. */
export const QUOTAS_MAX = 50;

/** The space of the file system that a folder is on. */
export const diskSpace = (folder: string) => async (): Promise<DiskSpace> => {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { free: bavail * bsize, size: blocks * bsize };
};

export function createStoreFacts(options: StoreFactsOptions): StoreFacts {
  const reader = watchHealth(options);
  let health: ShownHealth = { status: 'starting', why: null, disk: null, engines: null };
  let quotas: readonly ShownQuota[] = [];
  let sinks: readonly ShownSink[] | null = null;
  let isReading = false;

  async function read(): Promise<void> {
    // A disk that does not answer is said to be unwritable; its space is not known.
    const [state, disk] = await Promise.all([reader.read(), options.disk?.().catch(() => null) ?? null]);
    health = shownHealth(state, disk, options.engines?.() ?? null);
    quotas = fullest((await options.usage?.()) ?? []);
    // Where nobody can say it now, what was said last is shown.
    sinks = (await options.sinks?.().catch(() => sinks)) ?? null;
  }

  return {
    health: () => health,
    quotas: () => quotas,
    sinks: () => sinks,
    refresh: () => {
      if (isReading) return;
      isReading = true;
      void read().finally(() => {
        isReading = false;
      });
    },
    stop: reader.stop,
  };
}

function shownHealth(
  { status, error }: Health,
  disk: DiskSpace | null,
  engines: EnginesStatus | null,
): ShownHealth {
  if (engines === null) return { status, why: error?.message ?? null, disk, engines: null };
  const { postgresql, s3 } = engines;
  const { connections, waiting, latencyMs } = s3;
  return {
    status,
    why: error?.message ?? null,
    disk,
    engines: { postgresql, s3: { connections, waiting, latencyMs } },
  };
}

/** Those of which the greatest part is used. */
const fullest = (usage: readonly QuotaUse[]): readonly ShownQuota[] =>
  usage
    .map(({ prefix, bytes, used }) => ({ prefix, bytes, used: used ?? null }))
    .sort((a, b) => fullness(b) - fullness(a))
    .slice(0, QUOTAS_MAX);

const fullness = ({ bytes, used }: ShownQuota): number => (used === null ? 0 : used / Math.max(1, bytes));
