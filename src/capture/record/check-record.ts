/** What recordings are made with, checked where it comes in. */
import {
  check,
  checkOptions,
  either,
  FRAMING,
  FUNCTION,
  numberFrom,
  oneOf,
  optional,
  TEXT,
} from '../../wire/argument.ts';
import type { RecordOptions } from './record.ts';

const RECORD_RULES = {
  at: optional(oneOf('client', 'server')),
  redact: optional(either(FUNCTION, oneOf('sluice', null))),
  requests: optional(FRAMING),
  maxBytes: optional(numberFrom(0)),
};

/** @throws TypeError or RangeError when what a recording is to be is no such thing. */
export function checkRecord(by: string, path: string, options: RecordOptions): void {
  check(`${by}: the path`, path, TEXT);
  checkOptions(by, options, RECORD_RULES);
}
