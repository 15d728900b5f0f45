/** What the records of a log say, up to one of them: what is open, what comes next, how far each sink is. */
import type { HeadRecord, IntentRecord, LogRecord } from './record.ts';

export interface LogState {
  /** The name of the log. */
  log: string;
  /** The `sequence` of the next event. */
  nextSequence: number;
  /** The number of the next intent. */
  nextId: number;
  /** The intents that are not settled, by their numbers. */
  readonly open: Map<number, IntentRecord>;
  /** By sink. */
  readonly cursors: Map<string, number>;
}

export const newState = (log: string): LogState => ({
  log,
  nextSequence: 1,
  nextId: 1,
  open: new Map(),
  cursors: new Map(),
});

/** Takes the record that comes next. */
export function applyRecord(state: LogState, record: LogRecord): void {
  switch (record.kind) {
    case 'head':
      state.log = record.log;
      state.nextSequence = record.first;
      state.nextId = record.nextId;
      state.open.clear();
      state.cursors.clear();
      for (const [sink, at] of Object.entries(record.cursors)) state.cursors.set(sink, at);
      return;
    case 'intent':
      state.open.set(record.id, record);
      state.nextId = Math.max(state.nextId, record.id + 1);
      return;
    case 'not':
      state.open.delete(record.id);
      return;
    case 'event':
      state.open.delete(record.of);
      state.nextSequence = record.sequence + 1;
      return;
    case 'cursor':
      if (record.at < 0) state.cursors.delete(record.sink);
      else state.cursors.set(record.sink, record.at);
  }
}

/** The records with which a segment begins that goes on from a state. */
export function headOf(state: LogState): readonly LogRecord[] {
  const head: HeadRecord = {
    kind: 'head',
    version: 1,
    log: state.log,
    first: state.nextSequence,
    nextId: state.nextId,
    open: state.open.size,
    cursors: Object.fromEntries(state.cursors),
  };
  return [head, ...state.open.values()];
}
