/** Prints what a sync would do. */
import { formatBytes, plainCountOf } from '../../base/units.ts';
import { createDryRun } from '../shared/dry-run.ts';
import type { Reason, SyncPlan } from './compare.ts';
import type { SyncFile, SyncRun } from './sync-run.ts';

const words: Readonly<Record<Reason, string>> = {
  new: 'new',
  size: 'another size',
  time: 'another time',
  checksum: 'another checksum',
};

export function printPlan(
  { transfers, unchanged }: Pick<SyncPlan<SyncFile, SyncFile>, 'transfers' | 'unchanged'>,
  { extra, failed }: { readonly extra: readonly SyncFile[]; readonly failed: number },
  { isUpload, flags, transferRun }: SyncRun,
): void {
  const { would, end } = createDryRun(flags, transferRun.output);
  const verb = isUpload ? 'send' : 'receive';
  let bytes = 0;
  for (const { file, reason } of transfers) {
    const { name, size } = file;
    bytes += size;
    would({ verb, name, size, how: `: ${words[reason]}`, fields: { name, size, reason } });
  }
  for (const { name, size } of extra) would({ verb: 'remove', name, fields: { name, size } });
  const removal = flags.delete ? `, remove ${extra.length}` : '';
  const sum = `${plainCountOf(transfers.length, 'file')}, ${formatBytes(bytes)}`;
  end(`would ${verb} ${sum}${removal}; ${plainCountOf(unchanged, 'file')} unchanged`, {
    ...{ files: transfers.length, bytes, unchanged, removed: extra.length },
    ...(failed > 0 && { failed }),
  });
}
