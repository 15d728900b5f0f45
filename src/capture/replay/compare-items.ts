/** Compares what waits of recorded replies with what waits of live ones: heads, bodies and faults, pair by pair. */
import { type ComparisonState, report, stop } from './comparison-state.ts';
import { describeValue, differences, firstDifference } from './difference.ts';
import { consumeBytes, type ReplyHead, type ReplyItem, shiftItem } from './reply-stream.ts';

/** The most characters of a value in the message about a header. */
const VALUE_LENGTH_MAX = 120;
/** How many bytes a difference quotes. */
const EXCERPT_BYTES = 16;

export const excerpt = (bytes: Uint8Array, at = 0): Uint8Array => bytes.subarray(at, at + EXCERPT_BYTES);

/** Compares as long as both sides have something. */
export function comparePairs(comparison: ComparisonState): void {
  const { recorded, live } = comparison;
  while (!comparison.isStopped && recorded.items.length > 0 && live.items.length > 0) {
    if (!comparePair(comparison, recorded.items.first()!, live.items.first()!)) return;
  }
}

/** Returns whether anything of the pair was used. */
function comparePair(comparison: ComparisonState, expected: ReplyItem, got: ReplyItem): boolean {
  const { recorded, live } = comparison;
  if (expected.type === 'head' && got.type === 'head') {
    shiftItem(recorded);
    shiftItem(live);
    compareHeads(comparison, expected, got);
  } else if (expected.type === 'data' && got.type === 'data') {
    compareBytes(comparison, expected.bytes, got.bytes);
  } else if (expected.type === 'end' && got.type === 'end') {
    shiftItem(recorded);
    shiftItem(live);
  } else if (expected.type === 'fault' || got.type === 'fault') {
    compareFaults(comparison, expected, got);
  } else if (expected.type === 'data') {
    // The rest of the longer body. The difference in length is reported for the headers, or here.
    reportBodyLength(comparison, expected.bytes, undefined);
    shiftItem(recorded);
  } else if (got.type === 'data') {
    reportBodyLength(comparison, undefined, got.bytes);
    shiftItem(live);
  } else return false;
  return true;
}

function compareHeads(comparison: ComparisonState, expected: ReplyHead, got: ReplyHead): void {
  comparison.reply++;
  comparison.compared++;
  comparison.head = expected;
  comparison.bodyOffset = 0;
  comparison.bodyDiffers = expected.length !== got.length;
  const ignored = comparison.replies?.ignored;
  const isIgnored = ignored === undefined ? undefined : (path: string) => ignored(path, expected.header);
  const fields = differences(expected.header, got.header, isIgnored);
  const values = { expected: expected.header, got: got.header };
  if (fields.length > 0) {
    const texts = fields.map(({ path, expected, got }) => {
      const [before, now] = [describeValue(expected, VALUE_LENGTH_MAX), describeValue(got, VALUE_LENGTH_MAX)];
      return `${path} was ${before} and is ${now}`;
    });
    report(comparison, 'header', texts.join('; '), values, fields);
  } else if (expected.length !== got.length) {
    const text = `a body of ${expected.length} bytes, and now of ${got.length}`;
    report(comparison, 'header', text, values);
  }
}

/** Compares the bytes that both sides have of a body; without a framing, of the stream. */
function compareBytes(comparison: ComparisonState, expected: Uint8Array, got: Uint8Array): void {
  const isFramed = comparison.replies !== null;
  const length = Math.min(expected.length, got.length);
  const at = firstDifference(expected.subarray(0, length), got.subarray(0, length));
  if (at !== null && !comparison.bodyDiffers) {
    comparison.bodyDiffers = true;
    const values = { expected: excerpt(expected, at), got: excerpt(got, at) };
    const where = `byte ${comparison.bodyOffset + at} ${isFramed ? 'of the body' : 'of the replies'}`;
    const text = `from ${where} on it was ${describeValue(values.expected)} and is ${describeValue(values.got)}`;
    report(comparison, isFramed ? 'body' : 'bytes', text, values);
  }
  comparison.bodyOffset += length;
  if (!isFramed) comparison.compared += length;
  consumeBytes(comparison.recorded, expected, length);
  consumeBytes(comparison.live, got, length);
  // Without frames it is not known where the bytes are the same again.
  if (!isFramed && comparison.bodyDiffers) stop(comparison);
}

/** Reports that one of the bodies goes on where the other has ended. */
function reportBodyLength(
  comparison: ComparisonState,
  expected: Uint8Array | undefined,
  got: Uint8Array | undefined,
): void {
  if (comparison.bodyDiffers) return;
  comparison.bodyDiffers = true;
  const longer = expected === undefined ? 'is longer' : 'is shorter';
  const text = `the body ${longer} than the recorded one, from byte ${comparison.bodyOffset} on`;
  report(comparison, 'body', text, { expected: expected && excerpt(expected), got: got && excerpt(got) });
}

/** At least one of the sides cannot be read as frames from here on. */
function compareFaults(comparison: ComparisonState, expected: ReplyItem, got: ReplyItem): void {
  comparison.reply++;
  const values = { expected: faultCodeOf(expected), got: faultCodeOf(got) };
  if (values.expected !== values.got) {
    const head = expected.type === 'head' ? expected : null;
    const text = `${sentenceOf('what was recorded', expected)}; ${sentenceOf('what comes', got)}`;
    report(comparison, 'framing', text, values, [], head);
  }
  // Neither side is in frames, so it is not known whether what follows is the same.
  else comparison.isIncomplete = true;
  stop(comparison);
}

const faultCodeOf = (item: ReplyItem): string => (item.type === 'fault' ? item.fault.code : 'a frame');
/** A sentence about an item. */
const sentenceOf = (what: string, item: ReplyItem): string =>
  item.type === 'fault' ? `${what} is no frame: ${item.fault.message}` : `${what} is a frame`;
