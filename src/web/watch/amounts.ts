/** Times that are shorter than a second, moments of today, and names of what a connection waits for. */
import type { WaitsFor } from '../../files/protocol/watching.ts';

const few = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 2 });
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 });
const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const [milli, second] = ['millisecond', 'second'].map(
  (unit) =>
    new Intl.NumberFormat(undefined, {
      style: 'unit',
      unit,
      unitDisplay: 'short',
      maximumSignificantDigits: 3,
    }),
);

/** @example milliseconds(1234) // '1.23 sec' */
export const milliseconds = (ms: number): string =>
  (ms < 1000 ? milli! : second!).format(ms < 1000 ? ms : ms / 1e3);

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
