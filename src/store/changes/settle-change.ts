/** Ends changes: makes events of those that happened, and asks the file system about those of which nobody knows. */
import { setTimeout as wait } from 'node:timers/promises';
import { errnoOf } from '../disk/errno.ts';
import type { ChangeEvent, Settlement, Ticket } from './change-log.ts';
import { hasHappened } from './decide.ts';
import type { DiskLog } from './disk-log.ts';
import type { IntentRecord } from './record.ts';

/** Milliseconds until the file system is asked again, when it failed. */
const ASK_AGAIN_MS = 1000;

export async function settle(log: DiskLog, ticket: Ticket, settlement: Settlement): Promise<void> {
  const opened = log.open.get(ticket);
  if (opened !== undefined) {
    const { intent, reserved } = opened;
    const happened = settlement === 'unknown' ? await ask(log, intent) : settlement === 'happened';
    log.open.delete(ticket);
    log.reserved -= reserved;
    end(log, intent, happened);
  }
  // Only now: the next change of the name comes behind this one in the log.
  log.claims.leave(ticket);
}

/** Ends what was open when the log was closed without an end. */
export async function settleOpen(log: DiskLog, open: readonly IntentRecord[]): Promise<void> {
  for (const intent of open) end(log, intent, await hasHappened(log.folder, intent));
  await log.writer.flush();
  if (log.writer.fault !== null) throw log.writer.fault;
}

function end(log: DiskLog, intent: IntentRecord, happened: boolean): void {
  if (!happened) return log.writer.append({ kind: 'not', id: intent.id });
  const { kind: _, ino: _ino, id: of, time, ...change } = intent;
  const id = eventId(log, of);
  const event: ChangeEvent = { id, sequence: log.nextSequence++, ...change, time };
  log.writer.append({ kind: 'event', of, ...event });
}

const eventId = ({ writer }: DiskLog, id: number): string => `${writer.state.log}-${id}`;

/** While the file system fails, changes of these names wait, and are refused in the end. */
async function ask(log: DiskLog, intent: IntentRecord): Promise<boolean> {
  for (;;) {
    try {
      return await hasHappened(log.folder, intent);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      await wait(ASK_AGAIN_MS, undefined, { ref: false });
    }
  }
}
