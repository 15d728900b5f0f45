/**
 * The files that are to be uploaded: a pure function from a state and an event to a state and effects. `entry.ts` has
 * the states of one file.
 *
 * Memory: a small record a file; of the contents only what is under way, at most `UNDER_WAY_BYTES_MAX`.
 */
import { canCancel, canPause, type Entry, isOver, isRunning, type Source } from './entry.ts';
import { numberedName } from './names.ts';
import { add, remember } from './queue-additions.ts';
import { type Effect, type QueueEvent, type QueueState, type Step, update } from './queue-state.ts';
import { startMore } from './queue-turns.ts';

/** The next state, and what is to be done. */
export function reduce(state: QueueState, event: QueueEvent): Step {
  const step = { state, effects: [] as Effect[] };
  apply(step, event);
  startMore(step);
  return step;
}

function apply(step: Step, event: QueueEvent): void {
  switch (event.type) {
    case 'added':
      return add(step, event.files);
    case 'remembered':
      return remember(step, event.records);
    case 'identified':
      return change(step, event.id, (entry) => identify(step, entry, event.ends));
    case 'hashed':
      return change(step, event.id, (entry) =>
        entry.status === 'hashing' ? { ...entry, status: 'sending' } : entry,
      );
    case 'progress':
      return progress(step, event.entries);
    case 'stalled':
      for (const id of event.ids) update(step, id, (entry) => ({ ...entry, rate: 0 }));
      return;
    case 'stored':
      return change(step, event.id, (entry) => {
        step.state = { ...step.state, trouble: null, storedEver: step.state.storedEver + 1 };
        const verify = entry.verify && event.isFound !== true;
        return {
          ...entry,
          status: 'stored',
          sent: entry.size,
          durable: entry.size,
          rate: 0,
          verify,
          why: '',
        };
      });
    case 'exists':
      return change(step, event.id, (entry) => settleExisting(step, entry));
    case 'answered':
      return answer(step, event);
    case 'taken':
      return change(step, event.id, (entry) => ({ ...entry, status: 'elsewhere', rate: 0 }));
    case 'free':
      return change(step, event.id, (entry) => onFree(step, entry, event.isDone));
    case 'failed':
      return change(step, event.id, (entry) => ({ ...entry, status: 'failed', rate: 0, why: event.why }));
    case 'trouble':
      step.state = { ...step.state, trouble: event.why };
      return;
    case 'pause':
      return each(step, event.id, canPause, (entry) => pause(step, entry));
    case 'resume':
      return each(step, event.id, ({ status }) => status === 'paused', toWaiting);
    case 'retry':
      return each(step, event.id, ({ status }) => status === 'failed', toWaiting);
    case 'cancel':
      return each(step, event.id, canCancel, (entry) => cancel(step, entry));
    case 'clear':
      step.state = { ...step.state, entries: step.state.entries.filter((entry) => !isOver(entry)) };
  }
}

/** Changes one entry, unless it is over or is there no more: what was under way may end after that. */
function change(step: Step, id: number, by: (entry: Entry) => Entry): void {
  const entry = update(step, id, (entry) => (isOver(entry) ? entry : by(entry)));
  if (entry !== null && isOver(entry)) step.effects.push({ type: 'release', id });
}

/** Changes one entry, or all, of those that it may be done to. */
function each(
  step: Step,
  id: number | null,
  may: (entry: Entry) => boolean,
  by: (entry: Entry) => Entry,
): void {
  if (id !== null) return change(step, id, (entry) => (may(entry) ? by(entry) : entry));
  const entries = step.state.entries.map((entry) => (may(entry) ? by(entry) : entry));
  step.state = { ...step.state, entries };
}

const toWaiting = (entry: Entry): Entry => ({
  ...entry,
  status: entry.hasFile ? 'waiting' : 'needs-file',
  why: '',
});

function pause(step: Step, entry: Entry): Entry {
  if (isRunning(entry)) step.effects.push({ type: 'halt', id: entry.id });
  return { ...entry, status: 'paused', rate: 0 };
}

function cancel(step: Step, entry: Entry): Entry {
  const { id } = entry;
  if (isRunning(entry) || entry.status === 'elsewhere') step.effects.push({ type: 'halt', id });
  // What another tab sends is its own.
  if (entry.status !== 'elsewhere') step.effects.push({ type: 'drop', id, ...sourceOf(entry) });
  step.effects.push({ type: 'release', id });
  return { ...entry, status: 'cancelled', rate: 0 };
}

const sourceOf = ({ source, size, modified, ends }: Entry): Source & { readonly ends: string | null } => ({
  source,
  size,
  modified,
  ends,
});

/** The ends of a content were read. Those of another content under the same name are no longer needed. */
function identify(step: Step, entry: Entry, ends: string): Entry {
  if (entry.ends === ends) return entry;
  step.effects.push({ type: 'remember', ids: [entry.id] });
  if (entry.ends === null) return { ...entry, ends };
  step.effects.push({ type: 'drop', id: entry.id, ...sourceOf(entry) });
  return { ...entry, ends, sent: 0, durable: 0 };
}

function progress(step: Step, changes: Extract<QueueEvent, { readonly type: 'progress' }>['entries']): void {
  const safer: number[] = [];
  for (const { id, sent, durable, rate } of changes)
    update(step, id, (entry) => {
      if (!isRunning(entry)) return entry;
      if (durable !== entry.durable) safer.push(id);
      return { ...entry, status: 'sending', sent, durable, rate };
    });
  if (safer.length > 0) step.effects.push({ type: 'remember', ids: safer });
  step.state = { ...step.state, trouble: null };
}

/** There is a file of that name. */
function settleExisting(step: Step, entry: Entry): Entry {
  switch (entry.onExists) {
    case 'skip':
      step.effects.push({ type: 'drop', id: entry.id, ...sourceOf(entry) });
      return { ...entry, status: 'skipped', rate: 0, sent: 0, durable: 0 };
    case 'keep-both': {
      const copy = entry.copy + 1;
      step.effects.push({ type: 'remember', ids: [entry.id] });
      return {
        ...toWaiting(entry),
        copy,
        name: numberedName(entry.source, copy),
        sent: 0,
        durable: 0,
        rate: 0,
      };
    }
    // It left before that was said.
    case 'replace':
      return { ...toWaiting(entry), sent: 0, durable: 0, rate: 0 };
    case 'ask':
      step.effects.push({ type: 'remember', ids: [entry.id] });
      // What the server has of it, it keeps.
      return { ...entry, status: 'asking', rate: 0, sent: entry.durable };
  }
}

function answer(step: Step, { id, choice, all }: Extract<QueueEvent, { readonly type: 'answered' }>): void {
  const decide = (entry: Entry): Entry => {
    const decided = { ...entry, onExists: choice };
    if (entry.status !== 'asking') return decided;
    if (choice !== 'replace') return settleExisting(step, decided);
    step.effects.push({ type: 'remember', ids: [entry.id] });
    return toWaiting(decided);
  };
  if (!all) return change(step, id, decide);
  each(step, null, (entry) => !isOver(entry) && (entry.id === id || entry.onExists === 'ask'), decide);
  for (const entry of step.state.entries)
    if (entry.status === 'skipped') step.effects.push({ type: 'release', id: entry.id });
}

/** The tab that sent it has stopped. */
function onFree(step: Step, entry: Entry, isDone: boolean): Entry {
  if (entry.status !== 'elsewhere') return entry;
  if (!isDone) {
    step.effects.push({ type: 'remember', ids: [entry.id] });
    return { ...toWaiting(entry), isAgain: true };
  }
  step.effects.push({ type: 'release', id: entry.id });
  return { ...entry, status: 'skipped', why: 'another tab has uploaded it, or given it up' };
}
