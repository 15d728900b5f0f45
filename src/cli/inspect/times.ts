/** The times of `--after` and `--before`. */
import { InvalidArgumentError } from 'commander';
import type { TimeBound, TimeBounds } from '../../capture/inspect/time-range.ts';
import { usageError } from '../shared/exit-error.ts';

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?$/i;
const RELATIVE = /^\+(\d{1,9})(?:\.(\d{1,9}))?(ms|s|m|h)?$/;
const UNIT_NANOS = { ms: 1_000_000n, s: 1_000_000_000n, m: 60_000_000_000n, h: 3_600_000_000_000n } as const;
const FRACTION = 1_000_000_000n;

/**
 * Parses a time of day, of UTC where it says no zone, or a time since the first packet.
 *
 * @example timeBound('+1.5') // { nanos: 1_500_000_000n, since: 'first-packet' }
 */
export function timeBound(text: string): TimeBound {
  const relative = RELATIVE.exec(text);
  if (relative !== null) {
    const [, whole, fraction = '', unit = 's'] = relative;
    const scaled = BigInt(whole!) * FRACTION + BigInt(fraction.padEnd(9, '0'));
    const nanos = (scaled * UNIT_NANOS[unit as keyof typeof UNIT_NANOS]) / FRACTION;
    return { nanos, since: 'first-packet' };
  }
  const iso = ISO.exec(text);
  if (iso !== null) {
    const [, date, minute = '00:00', second = ':00', fraction = '', zone = 'Z'] = iso;
    const millis = Date.parse(`${date}T${minute}${second}${zone.toUpperCase()}`);
    if (!Number.isNaN(millis)) {
      return { nanos: BigInt(millis) * 1_000_000n + BigInt(fraction.padEnd(9, '0')), since: '1970' };
    }
  }
  throw new InvalidArgumentError(
    'It must be a time such as 2026-01-31T12:00:00.5Z, or since the first packet, such as +1.5 or +2m.',
  );
}

/** Throws an `ExitError` for a range in which there is no time. */
export function checkedBounds({ after, before }: TimeBounds): TimeBounds {
  if (after !== undefined && before !== undefined && after.since === before.since) {
    if (after.nanos > before.nanos) throw usageError('--after is later than --before: there is no such time');
  }
  return { ...(after === undefined ? {} : { after }), ...(before === undefined ? {} : { before }) };
}
