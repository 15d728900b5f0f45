/**
 * Records of a file that only grows, and how they are found again when its end is torn.
 *
 * ```text
 *  | length, uint32 LE | CRC-32 of the text, uint32 LE | JSON in UTF-8 |
 * ```
 */
import { crc32 } from '../crc32.ts';
import type { ChangeEvent, DeadLetter, Intent } from './change-log.ts';

/** The first record of a segment: what must be known of those before it. */
export interface HeadRecord {
  readonly kind: 'head';
  readonly version: 1;
  /** The name of the log, with which the ids of its events begin. */
  readonly log: string;
  /** The `sequence` of the first event of the segment. */
  readonly first: number;
  /** The number that the next intent gets. */
  readonly nextId: number;
  /** The intents that are open: as many records behind this one repeat them. */
  readonly open: number;
  readonly cursors: Readonly<Record<string, number>>;
}

/** An intent, with its number, from which the id of its event is made. */
export interface IntentRecord extends Intent {
  readonly kind: 'intent';
  readonly id: number;
  readonly time: number;
}

export type LogRecord =
  | HeadRecord
  | IntentRecord
  /** The change of an intent did not happen. */
  | { readonly kind: 'not'; readonly id: number }
  /** It did. */
  | ({ readonly kind: 'event'; readonly of: number } & ChangeEvent)
  /** How far a sink is; before 0: it is none any more. */
  | { readonly kind: 'cursor'; readonly sink: string; readonly at: number };

export type DeadRecord =
  | ({ readonly kind: 'dead' } & DeadLetter)
  | { readonly kind: 'gone'; readonly sink: string; readonly id: string };

const HEAD_BYTES = 8;
/** Names are of 1,024 bytes, and JSON makes six of one at the most. */
const TEXT_BYTES_MAX = 64 * 1024;

export function encodeRecord(record: LogRecord | DeadRecord): Buffer {
  const text = JSON.stringify(record);
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + length);
  bytes.write(text, HEAD_BYTES);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt32LE(crc32(bytes.subarray(HEAD_BYTES)), 4);
  return bytes;
}

/** What was found in a file of records. */
export interface Scan {
  /** The end of the last record. What is behind it is torn. */
  readonly end: number;
  /** Bytes before it that are no records: they were written once, and are damaged. */
  readonly damaged: number;
}

/**
 * Calls back with each record. Bytes that are none are passed over, so that what was damaged costs nothing behind it. No
 * text of a record can be taken for the beginning of one: JSON has no zero bytes, and a length has two.
 *
 * @param take returns false to stop behind the record that it got.
 */
export function scanRecords<R extends LogRecord | DeadRecord>(
  bytes: Buffer,
  take: (record: R) => unknown,
): Scan {
  let end = 0;
  let damaged = 0;
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    const next = at + HEAD_BYTES + length;
    const text =
      length > 0 && length <= TEXT_BYTES_MAX && next <= bytes.length
        ? bytes.subarray(at + HEAD_BYTES, next)
        : undefined;
    if (text === undefined || crc32(text) !== bytes.readUInt32LE(at + 4)) {
      at += 1;
      continue;
    }
    damaged += at - end;
    at = next;
    end = next;
    if (take(JSON.parse(text.toString('utf8'))) === false) break;
  }
  return { end, damaged };
}
