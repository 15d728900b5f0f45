/** Opens the store of `sluice serve` as the settings say. */
import type { ServiceFault } from '../../files/protocol/errors.ts';
import { diskWritable } from '../../server/health.ts';
import { type DiskSpace, diskSpace } from '../../server/observe/store-facts.ts';
import type { FileStore } from '../../store/contract.ts';
import { openDiskStore } from '../../store/disk/disk-store.ts';
import { type Quota, type QuotaUse, withQuotas } from '../../store/quota/quotas.ts';
import type { EnginesStatus } from '../../store/s3/engines-status.ts';
import type { Settings } from '../settings/table.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { openEngines } from './engines.ts';
import type { ServedEvents } from './events.ts';

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

/**
 * Opens the store. Throws an `ExitError` when it cannot be opened.
 *
 * @param quotas answers the quotas of tokens. Called at each put, since the access file may have been read again.
 * @param events who is told what happens to files. Default nobody.
 */
export async function openStore(
  settings: Settings,
  quotas: (() => readonly Quota[]) | null,
  events: ServedEvents | null = null,
): Promise<ServedStore> {
  const { store: url, dir, durability, keepPartial, maxUploads, checksums } = settings;
  const all = allQuotas(settings, quotas);
  if (url !== null) {
    const store = await openEngines(settings, all ?? (() => []), events?.kept);
    if (store.changes !== null) events?.use(store.changes);
    return { store, place: url, writable: () => store.check(), engines: () => store.engines() };
  }
  const options = {
    durability,
    keepPartial,
    maxUploads,
    checksums,
    ...(events?.changes && { changes: events.changes }),
  };
  const opened = await openDiskStore(dir, options);
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
