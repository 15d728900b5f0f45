/** Opens the store of `sluice serve` as the settings say. */
import type { FileStore } from '../../store/contract.ts';
import { openDiskStore } from '../../store/disk/disk-store.ts';
import { type Quota, withQuotas } from '../../store/quota/quotas.ts';
import type { Settings } from '../settings/table.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';

/**
 * Opens the store. Throws an `ExitError` when it cannot be opened.
 *
 * @param quotas answers the quotas of tokens. Called at each put, since the access file may have been read again.
 */
export async function openStore(
  settings: Settings,
  quotas: (() => readonly Quota[]) | null,
): Promise<FileStore> {
  const { dir, durability, keepPartial, maxUploads, checksums, quota } = settings;
  const opened = await openDiskStore(dir, { durability, keepPartial, maxUploads, checksums });
  if (!opened.ok) throw exitError(exitStatus.failed, opened.error.message);
  const overall = quota === Number.POSITIVE_INFINITY ? [] : [{ prefix: '', bytes: quota }];
  if (quotas === null && overall.length === 0) return opened.value;
  let lastQuotas: readonly Quota[] = [];
  let all: readonly Quota[] = overall;
  return withQuotas(opened.value, () => {
    const now = quotas?.() ?? lastQuotas;
    // An unchanged list is not joined again: there may be ten thousand tokens, and this runs for each file.
    if (now !== lastQuotas) [lastQuotas, all] = [now, [...overall, ...now]];
    return all;
  });
}
