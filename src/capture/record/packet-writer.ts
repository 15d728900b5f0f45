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
import { append, type ChunkBuffer, gather } from '../../wire/chunk-buffer.ts';
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '../segment.ts';
import type { Side } from '../stream-event.ts';
import { INBOUND, OUTBOUND } from './pcapng-write.ts';
import type { RecordClock } from './record-clock.ts';
import type { RecordFile } from './record-file.ts';
import type { Redactor } from './redactor.ts';
import type { Endpoints } from './synthetic-address.ts';
import { createPacketMaker, PAYLOAD_BYTES_MAX, type PacketMaker } from './synthetic-packets.ts';

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
  readonly sent: (from: Side, bytes: Uint8Array) => void;
  /** A side has ended, behind what it sent. */
  readonly ended: (from: Side) => void;
  /** Nothing more comes of a side, though it has not ended. Bytes of the other side may still come. */
  readonly broken: (from: Side) => void;
  /** The connection broke, by a reset of that side. */
  readonly reset: (from: Side, why: string) => void;
}

/** After this many bytes without an answer, the writer adds an ACK of the other side. */
const UNANSWERED_BYTES_MAX = 1024 * 1024;
/** Pieces that are held back with a time each; further ones are appended to the last. */
const HELD_PIECES_MAX = 256;
const COMMENTS_MAX = 16;
const STAR = 0x2a;
const NO_COMMENTS: readonly string[] = [];

/** One direction. */
interface SideState {
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
  /** Bytes that came, and are not written. */
  heldBack: { readonly time: number; bytes: ChunkBuffer }[];
  ended: boolean;
}

export function createPacketWriter(options: PacketWriterOptions): PacketWriter {
  const { file, clock, endpoints, at, redactors, redacts, lazy = false, initialSequence = 0 } = options;
  const { client, server } = endpoints;
  const openedAt = clock.now();
  const sides: Readonly<Record<Side, SideState>> = {
    client: sideStateOf(
      createPacketMaker(client, server),
      at === 'client' ? OUTBOUND : INBOUND,
      redactors?.client,
    ),
    server: sideStateOf(
      createPacketMaker(server, client),
      at === 'server' ? OUTBOUND : INBOUND,
      redactors?.server,
    ),
  };
  let begun = false;
  let over = false;

  const other = (side: SideState): SideState => (side === sides.client ? sides.server : sides.client);
  /** The sequence number behind everything that a side has written. */
  const next = ({ written, ended }: SideState): number => initialSequence + 1 + written + (ended ? 1 : 0);

  function packet(
    side: SideState,
    flags: number,
    time: number,
    comments: readonly string[] = NO_COMMENTS,
  ): void {
    const { maker, direction } = side;
    const [seq, ack] = [next(side), next(other(side))];
    other(side).unanswered = 0;
    file.write({ maker, direction, flags, seq, ack, time, comments }, 0, null);
  }

  function begin(): void {
    if (begun) return;
    begun = true;
    const time = openedAt;
    const { client, server } = sides;
    const syn = (side: SideState, flags: number, ack: number) => {
      const { maker, direction } = side;
      file.write(
        { maker, direction, flags, seq: initialSequence, ack, time, comments: NO_COMMENTS },
        0,
        null,
      );
    };
    syn(client, TCP_SYN, 0);
    syn(server, TCP_SYN | TCP_ACK, initialSequence + 1);
    packet(client, TCP_ACK, time);
  }

  /** Writes bytes[from..to), in as few packets as they fit in. */
  function write(side: SideState, bytes: Uint8Array, from: number, to: number, time: number): void {
    const { maker, direction, redactor } = side;
    for (let start = from; start < to; ) {
      const length = Math.min(to - start, PAYLOAD_BYTES_MAX);
      const upTo = side.written + length;
      const piece = bytes.subarray(start, start + length);
      start += length;
      const flags = start === to ? TCP_ACK | TCP_PSH : TCP_ACK;
      const comments =
        redactor === null || redactor.comments.length === 0 ? NO_COMMENTS : takeComments(redactor, upTo);
      const [seq, ack] = [next(side), next(other(side))];
      const fill = (room: Uint8Array, place: number): void => {
        room.set(piece, place);
        if (redactor !== null) applyMasks(redactor, room, place, side.written, upTo);
      };
      const number = file.write({ maker, direction, flags, seq, ack, time, comments }, length, fill);
      if (number === 0) return;
      side.written = upTo;
      side.unanswered += length;
      other(side).unanswered = 0;
      redactor?.written(upTo, number);
      if (side.unanswered >= UNANSWERED_BYTES_MAX) packet(other(side), TCP_ACK, time);
    }
  }

  function holdBack(side: SideState, bytes: Uint8Array, from: number, time: number): void {
    const last = side.heldBack.at(-1);
    if (last === undefined || side.heldBack.length < HELD_PIECES_MAX) {
      side.heldBack.push({ time, bytes: gather(bytes, from, bytes.length, Number.POSITIVE_INFINITY) });
    } else {
      last.bytes = append(last.bytes, bytes, from, bytes.length, Number.POSITIVE_INFINITY);
    }
  }

  function writeHeldBack(side: SideState): void {
    const { heldBack } = side;
    if (heldBack.length === 0) return;
    side.heldBack = [];
    for (const { time, bytes } of heldBack) write(side, bytes.room.bytes, 0, bytes.length, time);
  }

  /** Writes all bytes that are known not to be in an incomplete header. */
  function writeRedacted(side: SideState): void {
    while (side.heldBack.length > 0 && side.written < side.redactedUpTo && file.isLive()) {
      const { time, bytes } = side.heldBack.shift()!;
      const whole = bytes.room.bytes;
      const upTo = Math.min(bytes.length, side.redactedUpTo - side.written);
      write(side, whole, 0, upTo, time);
      if (upTo === bytes.length) continue;
      side.heldBack.unshift({ time, bytes: gather(whole, upTo, bytes.length, Number.POSITIVE_INFINITY) });
    }
  }

  /** Nothing more comes of this side: writes what is held back. */
  function finish(side: SideState): void {
    side.redactor?.end();
    writeHeldBack(side);
  }

  return {
    sent(from, chunk) {
      const side = sides[from];
      if (over || side.ended || chunk.length === 0 || !file.isLive()) return;
      const bytes = redacts === undefined ? chunk : redacts[from](chunk);
      if (bytes.length !== chunk.length) {
        throw new Error(`redacting made ${bytes.length} bytes of ${chunk.length}: there must be as many`);
      }
      begin();
      writeRedacted(other(side));
      const time = clock.now();
      const start = side.taken;
      side.taken += bytes.length;
      const redactedUpTo = side.redactor === null ? side.taken : side.redactor.take(bytes);
      side.redactedUpTo = redactedUpTo;
      if (redactedUpTo <= start) return holdBack(side, bytes, 0, time);
      writeHeldBack(side);
      // A chunk that fits into one packet stays one packet, so all of it waits for the head at its end.
      const whole = redactedUpTo === side.taken;
      const upTo = whole
        ? bytes.length
        : Math.floor((redactedUpTo - start) / PAYLOAD_BYTES_MAX) * PAYLOAD_BYTES_MAX;
      write(side, bytes, 0, upTo, time);
      if (!whole) holdBack(side, bytes, upTo, time);
    },
    ended(from) {
      const side = sides[from];
      if (over || side.ended || (lazy && !begun)) return;
      begin();
      writeRedacted(other(side));
      finish(side);
      const time = clock.now();
      packet(side, TCP_FIN | TCP_ACK, time);
      side.ended = true;
      packet(other(side), TCP_ACK, time);
    },
    broken(from) {
      if (!over && begun) finish(sides[from]);
    },
    reset(from, why) {
      if (over || (lazy && !begun)) return;
      begin();
      finish(sides.client);
      finish(sides.server);
      packet(sides[from], TCP_RST | TCP_ACK, clock.now(), [why]);
      over = true;
    },
  };
}

const sideStateOf = (maker: PacketMaker, direction: number, redactor: Redactor | null = null): SideState => ({
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

/** Removes the comments about bytes before an offset, and returns their texts. */
function takeComments({ comments }: Redactor, upTo: number): readonly string[] {
  let count = 0;
  while (count < comments.length && comments[count]!.position < upTo) count++;
  if (count === 0) return NO_COMMENTS;
  const texts = comments.splice(0, count).map(({ text }) => text);
  if (count <= COMMENTS_MAX) return texts;
  return [...texts.slice(0, COMMENTS_MAX), `and ${count - COMMENTS_MAX} more like these`];
}

/** Overwrites the bytes to hide, among those from offset `from` up to `to`, which are at a place in a room. */
function applyMasks(redactor: Redactor, room: Uint8Array, place: number, from: number, to: number): void {
  const { masks } = redactor;
  const cover = (start: number, end: number, byte: number): void => {
    room.fill(byte, place + Math.max(start, from) - from, place + Math.min(end, to) - from);
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
