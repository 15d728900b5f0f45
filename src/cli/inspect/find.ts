/** Prints where bytes are in conversations: which side, where in it, when, and what is around them. */
import { asciiOf } from '../../base/bytes.ts';
import { formatCount } from '../../base/units.ts';
import { type BytesFound, createFinder } from '../../capture/inspect/find-bytes.ts';
import { type Selection, selects } from '../../capture/inspect/selection.ts';
import { isoTime } from '../../capture/inspect/words.ts';
import type { PacketsUnread } from '../../capture/stream-event.ts';
import { captureExitError } from '../replay/read.ts';
import type { Paint } from '../shared/color.ts';
import type { Output } from '../shared/output.ts';
import type { Needle } from './needle.ts';
import type { CaptureSource } from './source.ts';

export interface FindOptions {
  readonly only?: Selection;
  readonly json: boolean;
  /** Of the terminal; undefined when stdout is none. */
  readonly columns: number | undefined;
  readonly paint: Paint;
  readonly output: Output;
  /** Is called with the event about unread packets. */
  readonly noticed: (unread: PacketsUnread) => void;
}

/** Returns how many matches there are. Throws an `ExitError` for a damaged capture, behind what is in front of the damage. */
export async function find(
  source: CaptureSource,
  { bytes, indexOf }: Needle,
  { only, json, columns, paint, output, noticed }: FindOptions,
): Promise<number> {
  const isSelected = selects(only);
  let matches = 0;
  const finder = createFinder(bytes, indexOf, (found) => {
    matches++;
    if (json) output.json(jsonOf(found));
    else output.line(rowOf(found, columns, paint));
  });
  try {
    for await (const events of source.streams()) {
      for (const event of events) {
        if (event.type === 'unread') noticed(event);
        if (!('conversation' in event) || !isSelected(event.conversation)) continue;
        finder.take(event);
      }
      output.flush();
      await output.bytes(NOTHING);
      if (output.isClosed()) break;
    }
  } catch (thrown) {
    throw captureExitError(thrown);
  }
  return matches;
}

const NOTHING = new Uint8Array(0);

function jsonOf({ conversation, from, position, packet, capturedAt, ...found }: BytesFound) {
  const hex = (bytes: Uint8Array): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  return {
    type: 'found',
    conversation: conversation.index,
    from,
    position,
    packet,
    capturedAt: String(capturedAt),
    capturedAtIso: isoTime(capturedAt),
    before: hex(found.before),
    hex: hex(found.bytes),
    after: hex(found.after),
  };
}

/** The least columns for what is around a match; in fewer it has a line of its own. */
const CONTEXT_COLUMNS_MIN = 24;
/** Columns where stdout is no terminal: all that is known of the context fits. */
const COLUMNS_DEFAULT = 160;
const INDENT_COLUMNS = 4;

function rowOf(found: BytesFound, columns = COLUMNS_DEFAULT, paint: Paint): string {
  const { conversation, from, position, capturedAt } = found;
  const side = `${conversation.index}:${from}`;
  const where = `at ${formatCount(position)}`.padEnd(12);
  const time = `${isoTime(capturedAt).slice(0, 26).replace('T', ' ')}Z`;
  const beginning = `${side.padEnd(10)} ${where} ${time}`;
  const row = `${paint(from, side.padEnd(10))} ${where} ${time}`;
  const room = columns - beginning.length - 2;
  if (room >= CONTEXT_COLUMNS_MIN) return `${row}  ${around(found, room, paint)}`;
  const lines = beginning.length <= columns ? [row] : [`${paint(from, side)} ${where.trimEnd()}`, time];
  const indent = ' '.repeat(INDENT_COLUMNS);
  const [first, ...more] = [...lines, around(found, columns - INDENT_COLUMNS, paint)];
  return [first, ...more.map((line) => `${indent}${line}`)].join('\n');
}

/** A match and what is around it, in so many columns. */
function around({ before, bytes, after }: BytesFound, columns: number, paint: Paint): string {
  const room = columns - 2;
  const match = asciiOf(bytes);
  if (match.length > room) return `|${paint('match', `${match.slice(0, room - 1)}…`)}|`;
  const left = Math.min(before.length, Math.floor((room - match.length) / 3));
  const right = Math.min(after.length, room - match.length - left);
  const start = asciiOf(before.subarray(before.length - left));
  return `|${start}${paint('match', match)}${asciiOf(after.subarray(0, right))}|`;
}
