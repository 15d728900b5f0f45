/** Times that are shorter than a second, moments of today, and names of what a connection waits for. */
import type { WaitsFor } from '../../files/protocol/watching.ts';

const few = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 2 });
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 });
const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const three = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const hundredths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });

/** @example milliseconds(1234) // '1.23 s' */
export function milliseconds(ms: number): string {
  // Less than a hundredth is noise of the clock.
  if (ms < 1) return `${hundredths.format(ms)} ms`;
  return ms < 1000 ? `${three.format(ms)} ms` : `${three.format(ms / 1e3)} s`;
}

export const perSecond = (count: number): string => `${few.format(count)}/s`;

export const part = (of: number): string => percent.format(of);

/** @param ms since 1970. */
export const clock = (ms: number): string => time.format(ms);

export const WAITS: Readonly<Record<NonNullable<WaitsFor>, string>> = {
  memory: 'for memory',
  rate: 'for the rate limit',
  turn: 'for its turn',
  files: 'for a file',
  request: 'for an earlier request',
  store: 'for the store',
  reader: 'for the peer to read',
  sender: 'for the peer to send',
};
