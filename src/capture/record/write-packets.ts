/** Writes the packets of one recorded connection: those that open it, its data, and those without data. */
import type { ChunkBuffer } from '../../wire/deframe/chunk-buffer.ts';
import { TCP_ACK, TCP_PSH, TCP_SYN } from '../segment.ts';
import type { Side } from '../stream-event.ts';
import type { RecordClock } from './record-clock.ts';
import type { RecordFile } from './record-file.ts';
import type { Redactor } from './redactor.ts';
import { PAYLOAD_BYTES_MAX, type PacketMaker } from './synthetic-packets.ts';

/** A connection that is being recorded. */
export interface WriterState {
  readonly file: RecordFile;
  readonly clock: RecordClock;
  /** The sequence number of each side's SYN. */
  readonly initialSequence: number;
  /** Whether a connection that sends nothing is not recorded at all. */
  readonly isLazy: boolean;
  /** When the connection was opened, as the clock has it. */
  readonly openedAt: number;
  readonly sides: Readonly<Record<Side, SideState>>;
  /** Whether the packets that open the connection are written. */
  isBegun: boolean;
  /** Whether the connection was reset: nothing more is written. */
  isOver: boolean;
}

/** One direction. */
export interface SideState {
  readonly maker: PacketMaker;
  readonly direction: number;
  readonly redactor: Redactor | null;
  /** Bytes that came, and bytes that were written. */
  taken: number;
  written: number;
  /** The offset up to which it is known what to hide. */
  redactedUpTo: number;
  /** Bytes written since the other side sent something. */
  unanswered: number;
  /** Bytes that came, and are not written: at most one header and one packet, in at most `HELD_PIECES_MAX` pieces. */
  heldBack: { readonly time: number; bytes: ChunkBuffer }[];
  ended: boolean;
}

export const createSideState = (
  maker: PacketMaker,
  direction: number,
  redactor: Redactor | null = null,
): SideState => ({
  maker,
  direction,
  redactor,
  taken: 0,
  written: 0,
  redactedUpTo: 0,
  unanswered: 0,
  heldBack: [],
  ended: false,
});

/** After this many bytes without an answer, the writer adds an ACK of the other side. */
const UNANSWERED_BYTES_MAX = 1024 * 1024;
const COMMENTS_MAX = 16;
const STAR = 0x2a;
const NO_COMMENTS: readonly string[] = [];

export const otherSide = ({ sides }: WriterState, side: SideState): SideState =>
  side === sides.client ? sides.server : sides.client;

/** The sequence number behind everything that a side has written. */
const nextSequence = ({ initialSequence }: WriterState, { written, ended }: SideState): number =>
  initialSequence + 1 + written + (ended ? 1 : 0);

/** Writes the packets that open the connection, once. */
export function begin(writer: WriterState): void {
  if (writer.isBegun) return;
  writer.isBegun = true;
  const { sides, initialSequence, openedAt } = writer;
  writeSyn(writer, sides.client, TCP_SYN, 0);
  writeSyn(writer, sides.server, TCP_SYN | TCP_ACK, initialSequence + 1);
  writeControl(writer, sides.client, TCP_ACK, openedAt);
}

function writeSyn(writer: WriterState, { maker, direction }: SideState, flags: number, ack: number): void {
  const { file, initialSequence: seq, openedAt: time } = writer;
  file.write({ maker, direction, flags, seq, ack, time, comments: NO_COMMENTS }, null);
}

/** Writes a packet without data. */
export function writeControl(
  writer: WriterState,
  side: SideState,
  flags: number,
  time: number,
  comments: readonly string[] = NO_COMMENTS,
): void {
  const { maker, direction } = side;
  const other = otherSide(writer, side);
  const [seq, ack] = [nextSequence(writer, side), nextSequence(writer, other)];
  other.unanswered = 0;
  writer.file.write({ maker, direction, flags, seq, ack, time, comments }, null);
}

/** Writes bytes[from..to), in as few packets as they fit in. */
export function writeData(
  writer: WriterState,
  side: SideState,
  bytes: Uint8Array,
  from: number,
  to: number,
  time: number,
): void {
  const { maker, direction, redactor } = side;
  const other = otherSide(writer, side);
  for (let start = from; start < to; ) {
    const length = Math.min(to - start, PAYLOAD_BYTES_MAX);
    const upTo = side.written + length;
    const piece = bytes.subarray(start, start + length);
    start += length;
    const flags = start === to ? TCP_ACK | TCP_PSH : TCP_ACK;
    const comments =
      redactor === null || redactor.comments.length === 0 ? NO_COMMENTS : takeComments(redactor, upTo);
    const [seq, ack] = [nextSequence(writer, side), nextSequence(writer, other)];
    const hides = redactor !== null && hidesBefore(redactor, upTo);
    const hide = hides ? (copy: Uint8Array) => applyMasks(redactor, copy, side.written, upTo) : null;
    const payload = { bytes: piece, hide };
    const number = writer.file.write({ maker, direction, flags, seq, ack, time, comments }, payload);
    if (number === 0) return;
    side.written = upTo;
    side.unanswered += length;
    other.unanswered = 0;
    redactor?.written(upTo, number);
    if (side.unanswered >= UNANSWERED_BYTES_MAX) writeControl(writer, other, TCP_ACK, time);
  }
}

/** Removes the comments about bytes before an offset, and returns their texts. */
function takeComments({ comments }: Redactor, upTo: number): readonly string[] {
  let count = 0;
  while (count < comments.length && comments[count]!.position < upTo) count++;
  if (count === 0) return NO_COMMENTS;
  const texts = comments.splice(0, count).map(({ text }) => text);
  if (count <= COMMENTS_MAX) return texts;
  return [...texts.slice(0, COMMENTS_MAX), `and ${count - COMMENTS_MAX} more like these`];
}

/** Whether something is to hide in front of an offset, behind what is written. */
const hidesBefore = ({ masks, hiddenFrom }: Redactor, upTo: number): boolean =>
  (masks.length > 0 && masks[0]!.from < upTo) || hiddenFrom() < upTo;

/** Overwrites the bytes to hide, in a copy of those from offset `from` up to `to`. */
function applyMasks(redactor: Redactor, copy: Uint8Array, from: number, to: number): void {
  const { masks } = redactor;
  const cover = (start: number, end: number, byte: number): void => {
    copy.fill(byte, Math.max(start, from) - from, Math.min(end, to) - from);
  };
  let done = 0;
  for (const mask of masks) {
    if (mask.from >= to) break;
    cover(mask.from, mask.to, mask.byte);
    if (mask.to > to) break;
    done++;
  }
  if (done > 0) masks.splice(0, done);
  const hiddenFrom = redactor.hiddenFrom();
  if (hiddenFrom < to) cover(hiddenFrom, to, STAR);
}
