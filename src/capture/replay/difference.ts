/** Differences between two values, in readable form. */
import { hexOf } from '../../base/bytes.ts';

/** One place in which two values differ: the recorded one, and the one of the replay. */
export interface ValueDifference {
  /** Where, as it is written in code: `files[2].size`; empty for the values themselves. */
  readonly path: string;
  /** The value in the recording; undefined when it has none there. */
  readonly expected: unknown;
  /** The value in the replay; undefined when it has none there. */
  readonly got: unknown;
}

/**
 * The differences between two values, compared by content: objects by their fields, arrays and bytes by their
 * elements; errors by their names and messages. A field that is undefined is as one that is not there. Stops after
 * `max` differences.
 *
 * @param ignored says of a field, by its path without indices (`files.mtime`), whether it counts for nothing.
 * @example differences({ a: 1, b: [2] }, { a: 1, b: [3] }) // [{ path: 'b[0]', expected: 2, got: 3 }]
 */
export function differences(
  expected: unknown,
  got: unknown,
  ignored: (path: string) => boolean = () => false,
  max = 10,
): ValueDifference[] {
  const found: ValueDifference[] = [];
  compare(expected, got, '', '', ignored, (difference) => found.push(difference) < max);
  return found;
}

type OnDifference = (difference: ValueDifference) => boolean;

/** Answers whether to go on. `fields` is the path without indices. */
function compare(
  expected: unknown,
  got: unknown,
  path: string,
  fields: string,
  ignored: (path: string) => boolean,
  report: OnDifference,
): boolean {
  if (Object.is(expected, got)) return true;
  const both = (kind: (value: unknown) => boolean) => kind(expected) && kind(got);
  if (both(isBytes)) {
    const at = firstDifference(expected as Uint8Array, got as Uint8Array);
    if (at === null) return true;
    return report({ path: `${path}[${at}]`, expected: from(expected, at), got: from(got, at) });
  }
  if (both(Array.isArray)) {
    const [left, right] = [expected as unknown[], got as unknown[]];
    for (let at = 0; at < Math.max(left.length, right.length); at++) {
      if (!compare(left[at], right[at], `${path}[${at}]`, fields, ignored, report)) return false;
    }
    return true;
  }
  if (both(isError)) {
    const [left, right] = [expected as Error, got as Error];
    const same = left.name === right.name && left.message === right.message;
    return same || report({ path, expected, got });
  }
  if (both(isRecord)) {
    const [left, right] = [expected as Fields, got as Fields];
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
      const name = fields === '' ? key : `${fields}.${key}`;
      if (ignored(name)) continue;
      const place = path === '' ? key : `${path}.${key}`;
      if (!compare(left[key], right[key], place, name, ignored, report)) return false;
    }
    return true;
  }
  return report({ path, expected, got });
}

type Fields = Readonly<Record<string, unknown>>;

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;
const isError = (value: unknown): value is Error => value instanceof Error;
const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isBytes(value) && !isError(value);

const from = (bytes: unknown, at: number): Uint8Array => (bytes as Uint8Array).subarray(at, at + 16);

/** The index of the first byte that differs, or that only one of them has; null when they are equal. */
export function firstDifference(left: Uint8Array, right: Uint8Array): number | null {
  const length = Math.min(left.length, right.length);
  let at = 0;
  // Large pieces are nearly always equal: native comparison of blocks, and a loop over the one that differs.
  for (; at < length; at += BLOCK_BYTES) {
    const to = Math.min(at + BLOCK_BYTES, length);
    if (Buffer.compare(left.subarray(at, to), right.subarray(at, to)) !== 0) break;
  }
  for (; at < length; at++) if (left[at] !== right[at]) return at;
  return left.length === right.length ? null : length;
}

const BLOCK_BYTES = 4096;

/** A value in one line, no longer than so many characters. @example inWords(Uint8Array.of(1, 255)) // '01 ff' */
export function describeValue(value: unknown, max = 200): string {
  const text = textOf(value);
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}

function textOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value instanceof Uint8Array) return `bytes ${hexSample(value)}`;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  const json = JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'bigint') return `${inner}n`;
    if (inner instanceof Uint8Array) return `bytes ${hexSample(inner)}`;
    if (inner instanceof Error) return `${inner.name}: ${inner.message}`;
    return inner;
  });
  return json ?? String(value);
}

function hexSample(bytes: Uint8Array): string {
  const shown = hexOf(bytes.subarray(0, 16));
  return bytes.length > 16 ? `${shown} … (${bytes.length} in all)` : shown;
}
