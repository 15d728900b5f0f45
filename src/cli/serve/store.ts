/** The store that `sluice serve` receives into, as the settings have it. */
import type { Store } from '../../store/contract.ts';
import { openDiskStore } from '../../store/disk/disk-store.ts';
import { type Quota, withQuotas } from '../../store/quota/quotas.ts';
import type { Settings } from '../settings/table.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';

/**
 * Opens it; throws a `Stop` that says why it cannot be opened.
 *
 * @param quotas those of tokens; asked for again at each put, since they may be read again.
 */
export async function openStore(settings: Settings, quotas: (() => readonly Quota[]) | null): Promise<Store> {
  const { dir, durability, keepPartial, maxUploads, checksums, quota } = settings;
  const opened = await openDiskStore(dir, { durability, keepPartial, maxUploads, checksums });
  if (!opened.ok) throw exitError(exitStatus.failed, opened.error.message);
  const overall = quota === Number.POSITIVE_INFINITY ? [] : [{ prefix: '', bytes: quota }];
  if (quotas === null && overall.length === 0) return opened.value;
  let lastQuotas: readonly Quota[] = [];
  let all: readonly Quota[] = overall;
  return withQuotas(opened.value, () => {
    const now = quotas?.() ?? lastQuotas;
    // The same list means the same quotas: those of ten thousand tokens are not put together for each file.
    if (now !== lastQuotas) [lastQuotas, all] = [now, [...overall, ...now]];
    return all;
  });
}
