/** Opens the store of `sluice serve` as the settings say. */
import type { ServiceFault } from '../../files/protocol/errors.ts';
import { diskWritable } from '../../server/health.ts';
import { type DiskSpace, diskSpace } from '../../server/observe/store-facts.ts';
import type { ChangeRecorder } from '../../store/changes/change-log.ts';
import type { FileStore } from '../../store/contract.ts';
import { openDiskStore } from '../../store/disk/disk-store.ts';
import { type Quota, type QuotaUse, withQuotas } from '../../store/quota/quotas.ts';
import type { EnginesStatus } from '../../store/s3/engines-status.ts';
import { createRootMember } from '../../store/shared/root-member.ts';
import { sharedQuotas } from '../../store/shared/shared-quotas.ts';
import { workersOf } from '../settings/limits.ts';
import type { Settings } from '../settings/table.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import type { Deciding } from './accept.ts';
import { allQuotas } from './all-quotas.ts';
import { openEngines } from './engines.ts';
import type { ServedEvents } from './wanted-events.ts';
import type { WorkerLink } from './workers/link.ts';

/** What a store works with beside it. */
export interface StoreParts {
  /** Who is told what happens to files, where this process tells them. */
  readonly events: ServedEvents | null;
  /** Where a worker's store on a disk records what happens to files. */
  readonly recorder: ChangeRecorder | null;
  /** To the process that owns what all workers share; null where there are no workers. */
  readonly link: WorkerLink | null;
}

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
  /** Who decides about new files, when somebody does. */
  readonly deciding?: Deciding;
  /** How much of each quota is used, when they are counted: here, or by the process that owns them. */
  readonly usage?: () => readonly QuotaUse[] | Promise<readonly QuotaUse[]>;
}

/** The least that a store of many nodes works with: as the least that can be set. */
const STORE_MEMORY_MIN = 1024 ** 2;

/**
 * Opens the store. Throws an `ExitError` when it cannot be opened.
 *
 * @param quotas answers the quotas of tokens. Called at each put, since the access file may have been read again.
 * @param parts what the store works with.
 */
export async function openStore(
  settings: Settings,
  quotas: (() => readonly Quota[]) | null,
  parts: StoreParts,
): Promise<ServedStore> {
  const served = await openPlainStore(settings, quotas, parts);
  const { acceptCommand, acceptWebhook } = settings;
  if (acceptCommand === null && acceptWebhook === null) return served;
  const { decidingStore } = await import('./accept.ts');
  const deciding = await decidingStore(served.store, settings);
  return deciding === null ? served : { ...served, store: deciding.store, deciding };
}

async function openPlainStore(
  settings: Settings,
  quotas: (() => readonly Quota[]) | null,
  { events, recorder, link }: StoreParts,
): Promise<ServedStore> {
  const { store: url, dir, durability, keepPartial, maxUploads, checksums } = settings;
  const all = allQuotas(settings, quotas);
  if (url !== null) {
    // Each worker is a node of its own, and all of them together have the memory that is set.
    const storeMemory = Math.max(STORE_MEMORY_MIN, Math.floor(settings.storeMemory / workersOf(settings)));
    const store = await openEngines({ ...settings, storeMemory }, all ?? (() => []), events?.kept);
    if (store.changes !== null) events?.use(store.changes);
    return { store, place: url, writable: () => store.check(), engines: () => store.engines() };
  }
  // What the stores of all workers share is owned by the process that started them.
  const owner = link === null ? undefined : createRootMember(() => link.calls);
  if (owner !== undefined) link?.answer(owner.handlers);
  const changes = recorder ?? events?.changes;
  const options = {
    ...{ durability, keepPartial, maxUploads, checksums },
    ...(changes && { changes }),
    ...(owner && { owner }),
  };
  const opened = await openDiskStore(dir, options);
  if (!opened.ok) throw exitError(exitStatus.failed, opened.error.message);
  const facts = { place: dir, writable: diskWritable(dir), disk: diskSpace(dir) };
  if (all === null) return { store: opened.value, ...facts };
  if (owner !== undefined && link !== null) {
    const usage = () => link.calls.call<readonly QuotaUse[]>('usage');
    return { store: sharedQuotas(opened.value, owner), ...facts, usage };
  }
  const store = withQuotas(opened.value, all);
  return { store, ...facts, usage: store.usage };
}
