/**
 * Writes one connection into a recording: the bytes it sent and received, in the packets that TCP would have made.
 *
 * ```text
 *   SYN, SYN/ACK, ACK      when it was opened
 *   data                   in packets as large as may be; PSH on the last one of a chunk
 *   ACK                    of the other side, when a lot of data came without an answer
 *   FIN, ACK               of each side, when it ended
 *   RST                    when it broke, with a comment that says why
 * ```
 *
 * The writer holds back bytes of an incomplete header, since it may have to hide them: at most one header and one
 * packet of each direction. They keep the time at which they came, unless something else was written meanwhile. As soon
 * as the other side sends something, the writer writes all bytes before the header: the other side may be answering
 * them.
 */
import { append, gather } from '../../wire/deframe/chunk-buffer.ts';
import { TCP_ACK, TCP_FIN, TCP_RST } from '../segment.ts';
import type { Side } from '../stream-event.ts';
import { INBOUND, OUTBOUND } from './pcapng-write.ts';
import type { RecordClock } from './record-clock.ts';
import type { RecordFile } from './record-file.ts';
import type { Redactor } from './redactor.ts';
import type { Endpoints } from './synthetic-address.ts';
import { createPacketMaker, PAYLOAD_BYTES_MAX } from './synthetic-packets.ts';
import {
  begin,
  createSideState,
  otherSide,
  type SideState,
  type WriterState,
  writeControl,
  writeData,
} from './write-packets.ts';

export interface PacketWriterOptions {
  readonly file: RecordFile;
  readonly clock: RecordClock;
  readonly endpoints: Endpoints;
  /** Which side it is recorded at. */
  readonly at: Side;
  /** Looks at the bytes of each side before they are written, and says which of them to hide. */
  readonly redactors?: Readonly<Record<Side, Redactor>>;
  /** Replaces the chunks of each side by arrays of the same lengths. */
  readonly redacts?: Readonly<Record<Side, (chunk: Uint8Array) => Uint8Array>>;
  /** Whether a connection that sends nothing is not recorded at all. */
  readonly lazy?: boolean;
  /** The sequence number of each side's SYN; default 0, so that that of a byte is its offset and 1. */
  readonly initialSequence?: number;
}

export interface PacketWriter {
  /** A side has sent bytes, which are copied. */
  readonly sent: (from: Side, bytes: Uint8Array) => void;
  /** A side has ended, behind what it sent. */
  readonly ended: (from: Side) => void;
  /** Nothing more comes of a side, though it has not ended. Bytes of the other side may still come. */
  readonly broken: (from: Side) => void;
  /** The connection broke, by a reset of that side. */
  readonly reset: (from: Side, why: string) => void;
}

export function createPacketWriter(options: PacketWriterOptions): PacketWriter {
  const { redacts } = options;
  const writer = createWriterState(options);
  const { sides } = writer;
  return {
    sent: (from, chunk) => addChunk(writer, sides[from], chunk, redacts?.[from]),
    ended: (from) => endSide(writer, sides[from]),
    broken: (from) => {
      if (!writer.isOver && writer.isBegun) finishSide(writer, sides[from]);
    },
    reset: (from, why) => reset(writer, sides[from], why),
  };
}

function createWriterState(options: PacketWriterOptions): WriterState {
  const { file, clock, endpoints, at, redactors, lazy = false, initialSequence = 0 } = options;
  const { client, server } = endpoints;
  const [clientDirection, serverDirection] = at === 'client' ? [OUTBOUND, INBOUND] : [INBOUND, OUTBOUND];
  return {
    file,
    clock,
    initialSequence,
    isLazy: lazy,
    openedAt: clock.now(),
    sides: {
      client: createSideState(createPacketMaker(client, server), clientDirection, redactors?.client),
      server: createSideState(createPacketMaker(server, client), serverDirection, redactors?.server),
    },
    isBegun: false,
    isOver: false,
  };
}

function addChunk(
  writer: WriterState,
  side: SideState,
  chunk: Uint8Array,
  redact: ((chunk: Uint8Array) => Uint8Array) | undefined,
): void {
  if (writer.isOver || side.ended || chunk.length === 0 || !writer.file.isLive()) return;
  const bytes = redact === undefined ? chunk : redact(chunk);
  if (bytes.length !== chunk.length) {
    throw new Error(`redacting made ${bytes.length} bytes of ${chunk.length}: there must be as many`);
  }
  begin(writer);
  writeRedacted(writer, otherSide(writer, side));
  const time = writer.clock.now();
  const start = side.taken;
  side.taken += bytes.length;
  const redactedUpTo = side.redactor === null ? side.taken : side.redactor.take(bytes);
  side.redactedUpTo = redactedUpTo;
  if (redactedUpTo <= start) return holdBack(side, bytes, 0, time);
  writeHeldBack(writer, side);
  // A chunk that fits into one packet stays one packet, so all of it waits for the head at its end.
  const isWhole = redactedUpTo === side.taken;
  const upTo = isWhole
    ? bytes.length
    : Math.floor((redactedUpTo - start) / PAYLOAD_BYTES_MAX) * PAYLOAD_BYTES_MAX;
  writeData(writer, side, bytes, 0, upTo, time);
  if (!isWhole) holdBack(side, bytes, upTo, time);
}

function endSide(writer: WriterState, side: SideState): void {
  if (writer.isOver || side.ended || (writer.isLazy && !writer.isBegun)) return;
  const other = otherSide(writer, side);
  begin(writer);
  writeRedacted(writer, other);
  finishSide(writer, side);
  const time = writer.clock.now();
  writeControl(writer, side, TCP_FIN | TCP_ACK, time);
  side.ended = true;
  writeControl(writer, other, TCP_ACK, time);
}

function reset(writer: WriterState, side: SideState, why: string): void {
  const { sides, clock } = writer;
  if (writer.isOver || (writer.isLazy && !writer.isBegun)) return;
  begin(writer);
  finishSide(writer, sides.client);
  finishSide(writer, sides.server);
  writeControl(writer, side, TCP_RST | TCP_ACK, clock.now(), [why]);
  writer.isOver = true;
}

/** Pieces that are held back with a time each; further ones are appended to the last. */
const HELD_PIECES_MAX = 256;

function holdBack(side: SideState, bytes: Uint8Array, from: number, time: number): void {
  const last = side.heldBack.at(-1);
  if (last === undefined || side.heldBack.length < HELD_PIECES_MAX) {
    side.heldBack.push({ time, bytes: gather(bytes, from, bytes.length, Number.POSITIVE_INFINITY) });
  } else {
    last.bytes = append(last.bytes, bytes, from, bytes.length, Number.POSITIVE_INFINITY);
  }
}

function writeHeldBack(writer: WriterState, side: SideState): void {
  const { heldBack } = side;
  if (heldBack.length === 0) return;
  side.heldBack = [];
  for (const { time, bytes } of heldBack) writeData(writer, side, bytes.room.bytes, 0, bytes.length, time);
}

/** Writes all bytes that are known not to be in an incomplete header. */
function writeRedacted(writer: WriterState, side: SideState): void {
  while (side.heldBack.length > 0 && side.written < side.redactedUpTo && writer.file.isLive()) {
    const { time, bytes } = side.heldBack.shift()!;
    const whole = bytes.room.bytes;
    const upTo = Math.min(bytes.length, side.redactedUpTo - side.written);
    writeData(writer, side, whole, 0, upTo, time);
    if (upTo === bytes.length) continue;
    side.heldBack.unshift({ time, bytes: gather(whole, upTo, bytes.length, Number.POSITIVE_INFINITY) });
  }
}

/** Nothing more comes of this side: writes what is held back. */
function finishSide(writer: WriterState, side: SideState): void {
  side.redactor?.end();
  writeHeldBack(writer, side);
}
