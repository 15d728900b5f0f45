/** The metrics of files about which somebody decides. */
import type { AcceptCounts } from '../../store/accept/with-accept.ts';
import type { Instruments } from './instruments.ts';

export function addAcceptMetrics({ counter, gauge }: Instruments, read: () => AcceptCounts): void {
  counter('sluice_accepted_files_total', 'New files that were accepted.', () => read().accepted);
  counter('sluice_rejected_files_total', 'New files that were rejected.', () => read().rejected);
  counter(
    'sluice_undecided_files_total',
    'New files about which nobody has decided in time.',
    () => read().unanswered,
  );
  gauge('sluice_awaiting_files', 'New files that wait for a decision.', () => read().waiting);
}
