/** One file of a recording: packets in the order they come, up to a bound. */

import { systemWords } from '../../files/protocol/system-words.ts';
import { TCP_ACK, TCP_SYN } from '../segment.ts';
import {
  commentBytes,
  fileHead,
  PACKET_OFFSET_BYTES,
  packetBlockSize,
  writePacketBlock,
} from './pcapng-write.ts';
import type { RecordClock } from './record-clock.ts';
import type { Spool } from './spool.ts';
import { type PacketMaker, SYN_OPTIONS_BYTES } from './synthetic-packets.ts';

/** A packet, but for its payload. */
export interface PacketToRecord {
  readonly maker: PacketMaker;
  /** `INBOUND` or `OUTBOUND`. */
  readonly direction: number;
  /** As in `segment.ts`. */
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  /** As the clock has it; a time before that of the last packet is taken for that. */
  readonly time: number;
  readonly comments: readonly string[];
}

/** Why nothing more is written, while there was more. */
export interface RecordEnd {
  readonly path: string;
  /**
   * `full`: the file has reached its bound. `failed`: it cannot be made or written to, or what is written is unsound.
   */
  readonly why: 'full' | 'failed';
  /** In words. */
  readonly message: string;
}

export interface RecordFileOptions {
  readonly spool: Spool;
  readonly path: string;
  /** Whether a file that is there already is a failure, rather than replaced. */
  readonly exclusive: boolean;
  /** The most bytes of the file. */
  readonly maxBytes: number;
  readonly clock: RecordClock;
  /** Called before the first packet, within `write`. */
  readonly began?: () => void;
  /** Called when the file is closed, if it was begun. */
  readonly closed?: () => void;
  /** Called at most once. Never within `write`. */
  readonly stopped: (end: RecordEnd) => void;
}

export interface RecordFile {
  readonly path: string;
  /**
   * Writes a packet. `fill` is to put its payload, `length` bytes of it, at an offset in the bytes it is given. Answers
   * the packet's number in the file, from 1; 0 when nothing is written any more.
   */
  readonly write: (packet: PacketToRecord, length: number, fill: Fill | null) => number;
  readonly isLive: () => boolean;
  /** Ends it: nothing more is written. Because of a fault, when one is given. */
  readonly end: (fault?: unknown) => void;
}

export type Fill = (to: Uint8Array, at: number) => void;

/** Bytes at the end of a file that are kept for saying why it ends. */
const RESERVED_BYTES = 512;
const APPLICATION = 'Sluice';
const TWO_32 = 2 ** 32;
const NO_COMMENTS: readonly Uint8Array[] = [];

export function createRecordFile(options: RecordFileOptions): RecordFile {
  const { spool, path, exclusive, maxBytes, clock } = options;
  const file = spool.file({
    path,
    exclusive,
    failed: (error) => stop('failed', systemWords(error, 'write')),
    closed: () => options.closed?.(),
  });
  const originHigh = Number(clock.origin / BigInt(TWO_32));
  const originLow = Number(clock.origin % BigInt(TWO_32));
  let live = true;
  /** Whether `stopped` was called: a file may also fail after it was ended in good order. */
  let hasStopped = false;
  let size = 0;
  let packets = 0;
  let last = 0;

  function stop(why: RecordEnd['why'], message: string): void {
    if (hasStopped) return;
    hasStopped = true;
    endFile();
    queueMicrotask(() => options.stopped({ path, why, message }));
  }

  /** Ends the file. One that was never begun need not be closed. */
  function endFile(): void {
    if (!live) return;
    live = false;
    if (size > 0) file.end();
  }

  function begin(): void {
    options.began?.();
    const head = fileHead(APPLICATION);
    const { room, at } = file.room(head.length);
    room.bytes.set(head, at);
    size = head.length;
  }

  function writePacket(
    packet: PacketToRecord,
    length: number,
    fill: Fill | null,
    comments: readonly Uint8Array[],
  ) {
    const { maker, flags, seq, ack, direction } = packet;
    const total = maker.headers + (flags & TCP_SYN ? SYN_OPTIONS_BYTES : length);
    const block = packetBlockSize(total, comments);
    const { room, at } = file.room(block);
    size += block;
    packets++;
    last = Math.max(last, packet.time);
    const low = originLow + last;
    fill?.(room.bytes, at + PACKET_OFFSET_BYTES + maker.headers);
    maker.write(room, at + PACKET_OFFSET_BYTES, flags, seq, ack, length);
    const carry = Math.floor(low / TWO_32);
    writePacketBlock(room.view, at, block, originHigh + carry, low % TWO_32, total, direction, comments);
  }

  return {
    path,
    isLive: () => live,
    write(packet, length, fill) {
      if (!live) return 0;
      if (size === 0) begin();
      const comments = packet.comments.length === 0 ? NO_COMMENTS : packet.comments.map(commentBytes);
      const total = packetBlockSize(packet.maker.headers + length, comments);
      if (size + total + RESERVED_BYTES > maxBytes) {
        const why = `the recording ends here: the file may have ${maxBytes} bytes`;
        const bare = { ...packet, flags: TCP_ACK };
        writePacket(bare, 0, null, [commentBytes(why)]);
        stop('full', `it may have ${maxBytes} bytes`);
        return 0;
      }
      writePacket(packet, length, fill, comments);
      return packets;
    },
    end(fault) {
      if (fault !== undefined) stop('failed', systemWords(fault, 'write'));
      else endFile();
    },
  };
}
