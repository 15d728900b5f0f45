/** The options of a recording, and the check of them. */
import {
  either,
  FRAMING,
  FUNCTION,
  numberFrom,
  oneOf,
  optional,
  RECORD,
  type RulesFor,
} from '../../wire/argument.ts';
import type { Framing } from '../../wire/framing.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import type { Side } from '../stream-event.ts';
import type { RecordClock } from './record-clock.ts';

/**
 * Hides what must not be written of what one side of one connection sends. Given its chunks in order; answers the chunk
 * itself when there is nothing to hide, or else another array of the same length. It must not change the chunk. What
 * it throws ends the recording.
 *
 * @example const redact: Redact = () => (chunk) => new Uint8Array(chunk.length); // lengths and times, and no content
 */
export type Redact = (from: Side) => (chunk: Uint8Array) => Uint8Array;

/** The bytes that `record` and `recordInto` write, and those that they hide. All options may be left out. */
export interface RecordOptions {
  /** Which side of its connection a wrapped one is; default `server`. */
  readonly at?: Side;
  /**
   * Which bytes are hidden. Default `sluice`: the connections speak Sluice's wire, and no token is written: as many `*`
   * replace it, and everything that cannot be read as frames. `null` writes everything as it is, whatever the protocol.
   */
  readonly redact?: 'sluice' | Redact | null;
  /**
   * With `sluice`: how requests are found, where there are commands other than Sluice's own with bodies. Default those
   * of Sluice's own.
   */
  readonly requests?: Framing<JsonHeader>;
  /** The most bytes of a file; default no bound. A recording that reaches it ends, and `Recorder.ends$` says so. */
  readonly maxBytes?: number;
  /**
   * The time of the packets; default the process's own clock. For tests: `origin` is in nanoseconds since 1970, and
   * `now` answers the nanoseconds since then.
   */
  readonly clock?: RecordClock;
}

export const RECORD_RULES: RulesFor<RecordOptions> = {
  at: optional(oneOf('client', 'server')),
  redact: optional(either(FUNCTION, oneOf('sluice', null))),
  requests: optional(FRAMING),
  maxBytes: optional(numberFrom(0)),
  clock: optional(RECORD),
};
