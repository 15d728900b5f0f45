/** The log of changes of all workers, in the process that started them. */
import type { Owned } from '../../../server/workers/owned.ts';
import type { ChangeRecorder } from '../../../store/changes/change-log.ts';
import { shareRecorder } from '../../../store/changes/remote-recorder.ts';

export const ownChanges = (changes: ChangeRecorder): Owned => ({
  join: () => {
    const { handlers, release } = shareRecorder(changes);
    return { handlers, left: release };
  },
});
