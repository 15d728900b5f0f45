/** The store that `sluice serve` receives into, as the settings have it. */
import type { Store } from '../store/contract.ts';
import { openDiskStore } from '../store/disk-store.ts';
import { exitStatus } from './exit-status.ts';
import type { Settings } from './settings-table.ts';
import { stop } from './stop.ts';

/** Opens it; throws a `Stop` that says why it cannot be opened. */
export async function openStore(settings: Settings): Promise<Store> {
  const { dir, durability, keepPartial, maxUploads } = settings;
  const opened = await openDiskStore(dir, { durability, keepPartial, maxUploads });
  if (!opened.ok) throw stop(exitStatus.failed, opened.error.message);
  return opened.value;
}
