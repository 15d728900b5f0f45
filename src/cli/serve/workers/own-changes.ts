/** The log of changes of all workers, in the process that started them. */
import type { Owned } from '../../../server/workers/owned.ts';
import type { ChangeLog } from '../../../store/changes/change-log.ts';
import { shareRecorder } from '../../../store/changes/remote-recorder.ts';

export const ownChanges = (changes: ChangeLog): Owned => ({
  join: () => {
    const { handlers, release } = shareRecorder(changes);
    return { handlers: { ...handlers, changesStatus: () => changes.status() }, left: release };
  },
});
