/** Prints what a sync would do. */
import { formatBytes, plainCountOf } from '../../base/units.ts';
import { printable } from '../shared/format.ts';
import type { Reason, SyncPlan } from './compare.ts';
import type { SyncFile, SyncRun } from './sync-run.ts';

/** Lines between which what was printed is handed on. */
const LINES_AT_ONCE = 1000;

const words: Readonly<Record<Reason, string>> = {
  new: 'new',
  size: 'another size',
  time: 'another time',
  checksum: 'another checksum, or none is known',
};

export function printPlan(
  { transfers, unchanged }: Pick<SyncPlan<SyncFile, SyncFile>, 'transfers' | 'unchanged'>,
  extra: readonly SyncFile[],
  { isUpload, flags, transferRun }: SyncRun,
): void {
  const { output } = transferRun;
  const { json = false, quiet = false } = flags;
  const verb = isUpload ? 'send' : 'receive';
  let lines = 0;
  let bytes = 0;
  const printed = () => {
    if (++lines % LINES_AT_ONCE === 0) output.flush();
  };
  for (const { file, reason } of transfers) {
    const { name, size } = file;
    bytes += size;
    if (json) output.json({ event: `would-${verb}`, name, size, reason });
    else if (!quiet) output.line(`would ${verb} ${printable(name)} (${formatBytes(size)}): ${words[reason]}`);
    printed();
  }
  for (const { name, size } of extra) {
    if (json) output.json({ event: 'would-remove', name, size });
    else if (!quiet) output.line(`would remove ${printable(name)}`);
    printed();
  }
  const counts = { files: transfers.length, bytes, unchanged, removed: extra.length };
  if (json) output.json({ event: 'summary', ...counts });
  else if (!quiet) {
    const removal = flags.delete ? `, remove ${extra.length}` : '';
    const sum = `${plainCountOf(counts.files, 'file')}, ${formatBytes(bytes)}`;
    output.line(`would ${verb} ${sum}${removal}; ${plainCountOf(unchanged, 'file')} unchanged`);
  }
}
