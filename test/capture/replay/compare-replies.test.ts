/** Recorded replies against live ones, both given by hand: which frames are awaited, and where bodies differ. */
import { expect, test } from 'vitest';
import { createComparison } from '../../../src/capture/replay/compare-replies.ts';
import type { StreamChunk } from '../../../src/capture/stream-event.ts';
import { lengthField } from '../../../src/wire/length-field.ts';
import { conversationEvents } from '../../support/captures/stream-events.ts';

/** A frame is a byte with its length, and a body of so many bytes. */
const replies = { framing: lengthField({ width: 1, maxLength: 255 }) };
const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

function comparisonOf(recorded: readonly string[]) {
  const { send } = conversationEvents();
  const comparison = createComparison(replies);
  for (const text of recorded) comparison.recorded(send('server', text) as StreamChunk);
  return comparison;
}

test('a comparison awaits the frames that were seen whole, of those that are recorded', () => {
  const comparison = comparisonOf(['\x03abc\x01x', '\x02yz']);
  const awaited = (...seen: (number | null)[]) => seen.map(comparison.expectedFrames);
  expect(awaited(0, 3, 4, 5, 6, 9, null)).toEqual([0, 0, 1, 1, 2, 3, 3]);
  comparison.live(bytes('\x03abc\x01x'));
  expect(comparison.liveFrames()).toBe(2);
  // Frames that have come stay counted.
  expect(awaited(0, 6, 9, null)).toEqual([2, 2, 3, 3]);
});

test('a comparison says where in a body the first difference is, however the body comes', () => {
  const comparison = comparisonOf(['\x06abcdef\x01x']);
  for (const text of ['\x06ab', 'cd', 'eX\x01', 'Y']) comparison.live(bytes(text));
  comparison.end('both');
  expect(comparison.differences.map(({ message }) => message)).toEqual([
    'reply 1: from byte 5 of the body on it was bytes 66 and is bytes 58',
    'reply 2: from byte 0 of the body on it was bytes 78 and is bytes 59',
  ]);
});

test('a comparison says where in replies without frames the first difference is, however they come', () => {
  const { send } = conversationEvents();
  const comparison = createComparison(null);
  comparison.recorded(send('server', 'abcdef') as StreamChunk);
  for (const text of ['ab', 'cd', 'eX', 'and more']) comparison.live(bytes(text));
  comparison.end('both');
  expect(comparison.differences).toMatchObject([
    { kind: 'bytes', message: 'from byte 5 of the replies on it was bytes 66 and is bytes 58' },
  ]);
  expect([comparison.compared(), comparison.recordedBytesWaiting(), comparison.liveBytesWaiting()]).toEqual([
    6, 0, 0,
  ]);
});

test('a comparison reports replies of one side only as it is asked to', () => {
  const kindsOf = (recorded: string[], live: string, unpaired: 'missing' | 'both' | 'neither') => {
    const comparison = comparisonOf(recorded);
    comparison.live(bytes(live));
    comparison.end(unpaired);
    return comparison.differences.map(({ kind, reply }) => `${kind} ${reply}`);
  };
  const both = ['\x01a', '\x01b'];
  expect(kindsOf(both, '\x01a', 'neither')).toEqual([]);
  expect(kindsOf(both, '\x01a', 'missing')).toEqual(['missing 2']);
  expect(kindsOf(['\x01a'], '\x01a\x01b', 'missing')).toEqual([]);
  expect(kindsOf(['\x01a'], '\x01a\x01b', 'both')).toEqual(['unexpected 2']);
});
