/** Reads the window scale among a TCP header's options (RFC 9293, section 3.2). */
import { NO_SCALE } from '../segment.ts';

const END = 0;
const NO_OPERATION = 1;
const WINDOW_SCALE = 3;
/** A greater shift counts as this one (RFC 7323, section 2.3). */
const WINDOW_SHIFT_MAX = 14;

/**
 * The shift of the window scale option: 0 to 14; `NO_SCALE` when there is none; null when the option may be among
 * what was cut off.
 *
 * @param at where the options begin. @param stop where they end. @param end where the captured bytes end.
 */
export function windowScale(bytes: Uint8Array, at: number, stop: number, end: number): number | null {
  const captured = Math.min(stop, end);
  let i = at;
  while (i < captured) {
    const kind = bytes[i]!;
    if (kind === END) return NO_SCALE;
    if (kind === NO_OPERATION) {
      i++;
      continue;
    }
    if (kind === WINDOW_SCALE && i + 2 < captured) return Math.min(bytes[i + 2]!, WINDOW_SHIFT_MAX);
    // The option is shorter than its own kind and length, so the next one cannot be found.
    if (i + 1 < captured && bytes[i + 1]! < 2) return NO_SCALE;
    i += i + 1 < captured ? bytes[i + 1]! : 2;
  }
  return stop > end ? null : NO_SCALE;
}
