/** Opens the store of `sluice serve` as the settings say. */
import type { ServiceFault } from '../../files/protocol/errors.ts';
import { diskWritable } from '../../server/health.ts';
import { type DiskSpace, diskSpace } from '../../server/observe/store-facts.ts';
import type { FileStore } from '../../store/contract.ts';
import { openDiskStore } from '../../store/disk/disk-store.ts';
import { type Quota, type QuotaUse, withQuotas } from '../../store/quota/quotas.ts';
import type { EnginesStatus } from '../../store/s3/engines-status.ts';
import { workersOf } from '../settings/limits.ts';
import type { Settings } from '../settings/table.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { openEngines } from './engines.ts';
import type { WorkerLink } from './workers/link.ts';

export interface ServedStore {
  readonly store: FileStore;
  /** Where files go, in words. */
  readonly place: string;
  /** Null when it can be written to. */
  readonly writable: () => Promise<ServiceFault | null>;
  /** The state of its engines, when it has some. */
  readonly engines?: () => EnginesStatus;
  /** The space of its disk, when it has one. */
  readonly disk?: () => Promise<DiskSpace>;
  /** How much of each quota is used, when it counts them. */
  readonly usage?: () => readonly QuotaUse[];
}

/** The least that a store of many nodes works with: as the least that can be set. */
const STORE_MEMORY_MIN = 1024 ** 2;

/**
 * Opens the store. Throws an `ExitError` when it cannot be opened.
 *
 * @param quotas answers the quotas of tokens. Called at each put, since the access file may have been read again.
 * @param _link to the process that owns what all workers share; null where there are no workers.
 */
export async function openStore(
  settings: Settings,
  quotas: (() => readonly Quota[]) | null,
  _link: WorkerLink | null,
): Promise<ServedStore> {
  const { store: url, dir, durability, keepPartial, maxUploads, checksums } = settings;
  const all = allQuotas(settings, quotas);
  if (url !== null) {
    // Each worker is a node of its own, and all of them together have the memory that is set.
    const storeMemory = Math.max(STORE_MEMORY_MIN, Math.floor(settings.storeMemory / workersOf(settings)));
    const store = await openEngines({ ...settings, storeMemory }, all ?? (() => []));
    return { store, place: url, writable: () => store.check(), engines: () => store.engines() };
  }
  const opened = await openDiskStore(dir, { durability, keepPartial, maxUploads, checksums });
  if (!opened.ok) throw exitError(exitStatus.failed, opened.error.message);
  const facts = { place: dir, writable: diskWritable(dir), disk: diskSpace(dir) };
  if (all === null) return { store: opened.value, ...facts };
  const store = withQuotas(opened.value, all);
  return { store, ...facts, usage: store.usage };
}

/** The quotas of tokens, and that of all files together; null when there can be none. */
function allQuotas(
  { quota }: Settings,
  quotas: (() => readonly Quota[]) | null,
): (() => readonly Quota[]) | null {
  const overall = quota === Number.POSITIVE_INFINITY ? [] : [{ prefix: '', bytes: quota }];
  if (quotas === null && overall.length === 0) return null;
  let lastQuotas: readonly Quota[] = [];
  let all: readonly Quota[] = overall;
  return () => {
    const now = quotas?.() ?? lastQuotas;
    // An unchanged list is not joined again: there may be ten thousand tokens, and this runs for each file.
    if (now !== lastQuotas) [lastQuotas, all] = [now, [...overall, ...now]];
    return all;
  };
}
