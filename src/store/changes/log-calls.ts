/** The calls of an open log of changes. */
import type { Outcome } from '../contract.ts';
import { systemFault } from '../disk/errno.ts';
import { err, ok, okVoid, type RefusedOutcome } from '../outcome.ts';
import type { ChangeLog, ChangeLogStatus, DeadLetter, Intent, SinkStatus, Ticket } from './change-log.ts';
import type { DiskLog, OpenChange } from './disk-log.ts';
import { encodeRecord, type IntentRecord } from './record.ts';
import { settle } from './settle-change.ts';

/** Bytes that an event takes beyond its intent: its id and its place. */
const EVENT_EXTRA_BYTES = 64;
/** The part of the log that is left to cursors and to the heads of segments. */
const OVERHEAD = 1 / 16;

export function createDiskLog(log: DiskLog): ChangeLog {
  const closeOnce = (): Promise<void> => {
    log.closing ??= close(log);
    return log.closing;
  };
  return {
    claim: (names) => claim(log, names),
    begin: (intent, ticket) => begin(log, intent, ticket),
    settle: (ticket, settlement) => settle(log, ticket, settlement),
    read: (after, limit) => log.reader.read(after, limit),
    onAppended: (listener) => listen(log.listeners, listener),
    onMoved: (listener) => listen(log.moved, listener),
    cursor: (sink) => log.cursors.get(sink) ?? lastOf(log),
    advance: (sink, sequence) => {
      if (sequence <= (log.cursors.get(sink) ?? 0)) return;
      log.cursors.set(sink, sequence);
      log.writer.noteCursor(sink, sequence);
    },
    move: (sink, sequence) => move(log, sink, sequence),
    deadLetters: async (sink) => log.dead.of(sink),
    bury: (sink, event, reason) => log.dead.put([{ sink, event, reason, time: Date.now(), again: false }]),
    revive: (sink, id) => revive(log, sink, id),
    forget: async (sink, id) => {
      const letters = lettersOf(log, sink, id);
      const removed = await log.dead.remove(letters);
      return removed.ok ? ok(letters.length) : removed;
    },
    status: () => status(log),
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  };
}

function listen<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

const lastOf = ({ writer }: DiskLog): number => writer.state.nextSequence - 1;

async function claim(log: DiskLog, names: readonly string[]): Promise<Outcome<Ticket>> {
  if (log.closing !== undefined) return err('shutting-down');
  const ticket = log.nextTicket++;
  if (await log.claims.enter(ticket, names)) return ok(ticket);
  return err('unavailable', 'another change of the same file has not ended yet');
}

async function begin(log: DiskLog, intent: Intent, given?: Ticket): Promise<Outcome<Ticket>> {
  const claimed = given === undefined ? await claim(log, namesOf(intent)) : ok(given);
  if (!claimed.ok) return claimed;
  const ticket = claimed.value;
  const fault = await record(log, ticket, intent);
  if (fault === undefined) return claimed;
  if (given === undefined) log.claims.leave(ticket);
  return fault;
}

const namesOf = ({ name, from }: Intent): readonly string[] => (from === undefined ? [name] : [from, name]);

/** Undefined when the intent is durable, or is dropped on purpose. */
async function record(log: DiskLog, ticket: Ticket, given: Intent): Promise<RefusedOutcome | undefined> {
  if (log.closing !== undefined) return err('shutting-down');
  const intent: IntentRecord = { kind: 'intent', ...given, id: log.nextId++, time: Date.now() };
  const bytes = encodeRecord(intent).length;
  const reserved = bytes + EVENT_EXTRA_BYTES;
  log.reserved += bytes + reserved;
  const fits = await makeRoom(log);
  log.reserved -= bytes;
  if (!fits) {
    log.reserved -= reserved;
    if (log.whenFull === 'refuse') return err('events-full');
    log.dropped += 1;
    return undefined;
  }
  const error = await new Promise<Error | null>((resolve) => log.writer.append(intent, resolve));
  if (error !== null) {
    log.reserved -= reserved;
    const fault = systemFault(error);
    if (fault === undefined) throw error;
    return fault;
  }
  replaceOpen(log, ticket, { intent, reserved });
  return undefined;
}

/** A ticket has one intent: an earlier one was not carried out. */
function replaceOpen(log: DiskLog, ticket: Ticket, opened: OpenChange): void {
  const before = log.open.get(ticket);
  if (before !== undefined) {
    log.reserved -= before.reserved;
    log.writer.append({ kind: 'not', id: before.intent.id });
  }
  log.open.set(ticket, opened);
}

/** Whether what is reserved fits. What all sinks have passed is kept for replays, but in half of the log at most. */
async function makeRoom(log: DiskLog): Promise<boolean> {
  const { writer, maxBytes, cursors } = log;
  if (writer.bytes + log.reserved > maxBytes / 2) {
    const passed = Math.min(lastOf(log), ...cursors.values());
    await writer.removeBefore(passed + 1, maxBytes / 2 - log.reserved);
  }
  return writer.bytes + log.reserved <= maxBytes * (1 - OVERHEAD);
}

async function move(log: DiskLog, sink: string, sequence: number): Promise<Outcome<void>> {
  if (!log.cursors.has(sink)) return err('not-found', `no sink is called ${sink}`);
  const at = Math.max(0, Math.min(sequence, lastOf(log)));
  log.cursors.set(sink, at);
  log.writer.noteCursor(sink, at);
  // At once: who delivers must not move it on from where it was.
  for (const listener of log.moved) listener(sink);
  await log.writer.flush();
  return (log.writer.fault !== null ? systemFault(log.writer.fault) : undefined) ?? okVoid;
}

const lettersOf = (log: DiskLog, sink: string, id: string | undefined): readonly DeadLetter[] =>
  log.dead.of(sink).filter(({ event }) => id === undefined || event.id === id);

async function revive(log: DiskLog, sink: string, id: string | undefined): Promise<Outcome<number>> {
  const letters = lettersOf(log, sink, id);
  const put = await log.dead.put(letters.map((letter) => ({ ...letter, again: true })));
  if (!put.ok) return put;
  for (const listener of log.moved) listener(sink);
  return ok(letters.length);
}

async function status(log: DiskLog): Promise<ChangeLogStatus> {
  const { writer, maxBytes, dropped } = log;
  const sinks: SinkStatus[] = [];
  for (const [sink, at] of log.cursors) {
    const [next] = await log.reader.read(at, 1);
    const pending = Math.max(0, lastOf(log) - at);
    sinks.push({ sink, at, pending, oldest: next?.time ?? null, deadLetters: log.dead.count(sink) });
  }
  const fault = writer.fault?.message ?? null;
  return { bytes: writer.bytes, maxBytes, last: lastOf(log), dropped, fault, sinks };
}

async function close(log: DiskLog): Promise<void> {
  log.claims.close();
  // What is recorded and not settled is decided when the log is opened again.
  await log.writer.close();
  await log.dead.close();
  await log.owner.leave();
  log.folder.close();
}
