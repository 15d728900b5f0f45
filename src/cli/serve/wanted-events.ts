/** Opens the events of files where somebody wants them: else nothing of them is loaded. */
import type { Settings } from '../settings/table.ts';
import type { ServedEvents } from './events.ts';

export type { ServedEvents };

export const wantsEvents = ({ eventsWebhook, eventsCommand, eventsNats }: Settings): boolean =>
  eventsWebhook !== null || eventsCommand !== null || eventsNats !== null;

/** Null when nobody wants to know of them. Throws an `ExitError` when the log cannot be opened. */
export async function openWantedEvents(settings: Settings): Promise<ServedEvents | null> {
  if (!wantsEvents(settings)) return null;
  return await (await import('./events.ts')).openEvents(settings);
}
