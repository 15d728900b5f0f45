/** How the events of a store over S3 and PostgreSQL are kept, and the rules of that. */
import { LIST, numberFrom, oneOf, optional, type RulesFor } from '../../../wire/argument.ts';

/** How the events of a store over S3 and PostgreSQL are kept. `sinks` are needed. */
export interface S3ChangesOptions {
  /**
   * The names of those who get the events from this node, or from another one that knows them. Each has a cursor in the
   * database, and one that is new begins with the next event. None is ever removed: nodes need not know of the same.
   */
  readonly sinks: readonly string[];
  /** Bytes of the events that are kept, from 1 MiB; default 64 MiB. An event counts as 1 KiB. */
  readonly maxBytes?: number;
  /**
   * What becomes of a change for which there is no room: `refuse` (the default) refuses it with `events-full`; `drop` has it
   * made without an event, and counts it. For all nodes, as the last one that was opened says.
   */
  readonly whenFull?: 'refuse' | 'drop';
  /** Milliseconds after which another node delivers in place of one that is gone, from 1,000; default 15 s. */
  readonly holdMs?: number;
}

const MAX_BYTES_MIN = 1024 ** 2;
const HOLD_MS_MIN = 1000;

export const CHANGES_RULES: RulesFor<S3ChangesOptions> = {
  sinks: LIST,
  maxBytes: optional(numberFrom(MAX_BYTES_MIN)),
  whenFull: optional(oneOf('refuse', 'drop')),
  holdMs: optional(numberFrom(HOLD_MS_MIN)),
};
