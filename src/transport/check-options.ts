/** Checks the options of listening and connecting where they come in. */
import {
  checkOptions,
  either,
  MILLISECONDS,
  optional,
  type Rule,
  type Rules,
  TEXT,
  wholeFrom,
} from '../wire/argument.ts';
import { BYTES } from '../wire/bytes.ts';

/** Which numbers are ports that can be had is for the system to say: a fault of the Observable. */
const PORT: Rule = { words: 'a number from 0 to 65535', isKind: (value) => typeof value === 'number' };

const BACKLOG = optional(wholeFrom(0));
const PEM = optional(either(TEXT, BYTES));

/** @throws TypeError or RangeError that names the option. */
export function checkListen(by: string, options: unknown): void {
  checkOptions(by, options, { host: optional(TEXT), port: PORT, backlog: BACKLOG });
}

export function checkConnect(by: string, options: unknown): void {
  checkOptions(by, options, { host: TEXT, port: PORT, timeout: optional(MILLISECONDS) });
}

export function checkListenUnix(by: string, options: unknown): void {
  checkOptions(by, options, { path: TEXT, mode: optional(wholeFrom(0, 0o777)), backlog: BACKLOG });
}

export function checkConnectUnix(by: string, options: unknown): void {
  checkOptions(by, options, { path: TEXT, timeout: optional(MILLISECONDS) });
}

export const CONNECT_TLS_RULES: Rules = { ca: PEM, cert: PEM, key: PEM, servername: optional(TEXT) };
