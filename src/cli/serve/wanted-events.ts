/** Opens the events of files where somebody wants them: else nothing of them is loaded. */
import { messageOf } from '../../base/sluice-error.ts';
import { joinLog, type LogMember } from '../../store/changes/log-owner.ts';
import { nodeFileSystem } from '../../store/disk/file-system.ts';
import type { Settings } from '../settings/table.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import type { ServedEvents } from './events.ts';

export type { ServedEvents };

export const wantsEvents = ({ eventsWebhook, eventsCommand, eventsNats }: Settings): boolean =>
  eventsWebhook !== null || eventsCommand !== null || eventsNats !== null;

/** Null when nobody wants to know of them. Throws an `ExitError` when the log cannot be opened. */
export async function openWantedEvents(settings: Settings): Promise<ServedEvents | null> {
  if (!wantsEvents(settings)) return null;
  return await (await import('./events.ts')).openEvents(settings);
}

/** For a process whose changes another one records. Throws an `ExitError`. */
export async function joinEvents(dir: string): Promise<LogMember> {
  try {
    return await joinLog(dir, nodeFileSystem);
  } catch (thrown) {
    throw exitError(exitStatus.failed, `events of ${dir}: ${messageOf(thrown)}`);
  }
}
