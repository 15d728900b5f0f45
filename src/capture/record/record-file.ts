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
import type { Spool, SpoolFile } from './spool.ts';
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

/** Why nothing more is written, while there was more. `Recorder.ends$` emits it. */
export interface RecordEnd {
  /** The file whose recording is over. */
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

interface RecordFileState {
  readonly options: RecordFileOptions;
  readonly file: SpoolFile;
  /** The upper and the lower 32 bits of the clock's origin. */
  readonly originHigh: number;
  readonly originLow: number;
  isLive: boolean;
  /** Whether `stopped` was called: a file may also fail after it was ended in good order. */
  hasStopped: boolean;
  /** Bytes of the file so far. */
  size: number;
  packets: number;
  /** The time of the last packet, as the clock has it. */
  lastTime: number;
}

export function createRecordFile(options: RecordFileOptions): RecordFile {
  const { spool, path, exclusive, clock } = options;
  const record: RecordFileState = {
    options,
    file: spool.file({
      path,
      exclusive,
      failed: (error) => stop(record, 'failed', systemWords(error, 'write')),
      closed: () => options.closed?.(),
    }),
    originHigh: Number(clock.origin / BigInt(TWO_32)),
    originLow: Number(clock.origin % BigInt(TWO_32)),
    isLive: true,
    hasStopped: false,
    size: 0,
    packets: 0,
    lastTime: 0,
  };
  return {
    path,
    isLive: () => record.isLive,
    write: (packet, length, fill) => write(record, packet, length, fill),
    end(fault) {
      if (fault !== undefined) stop(record, 'failed', systemWords(fault, 'write'));
      else endFile(record);
    },
  };
}

function write(record: RecordFileState, packet: PacketToRecord, length: number, fill: Fill | null): number {
  const { maxBytes } = record.options;
  if (!record.isLive) return 0;
  if (record.size === 0) begin(record);
  const comments = packet.comments.length === 0 ? NO_COMMENTS : packet.comments.map(commentBytes);
  const total = packetBlockSize(packet.maker.headers + length, comments);
  if (record.size + total + RESERVED_BYTES > maxBytes) {
    const why = `the recording ends here: the file may have ${maxBytes} bytes`;
    writePacket(record, { ...packet, flags: TCP_ACK }, 0, null, [commentBytes(why)]);
    stop(record, 'full', `it may have ${maxBytes} bytes`);
    return 0;
  }
  writePacket(record, packet, length, fill, comments);
  return record.packets;
}

function begin(record: RecordFileState): void {
  record.options.began?.();
  const head = fileHead(APPLICATION);
  const { room, at } = record.file.room(head.length);
  room.bytes.set(head, at);
  record.size = head.length;
}

function writePacket(
  record: RecordFileState,
  packet: PacketToRecord,
  length: number,
  fill: Fill | null,
  comments: readonly Uint8Array[],
): void {
  const { maker, flags, seq, ack, direction } = packet;
  const total = maker.headers + (flags & TCP_SYN ? SYN_OPTIONS_BYTES : length);
  const block = packetBlockSize(total, comments);
  const { room, at } = record.file.room(block);
  record.size += block;
  record.packets++;
  record.lastTime = Math.max(record.lastTime, packet.time);
  fill?.(room.bytes, at + PACKET_OFFSET_BYTES + maker.headers);
  maker.write(room, at + PACKET_OFFSET_BYTES, flags, seq, ack, length);
  const timeLow = record.originLow + record.lastTime;
  const timeHigh = record.originHigh + Math.floor(timeLow / TWO_32);
  writePacketBlock(room.view, at, block, timeHigh, timeLow % TWO_32, total, direction, comments);
}

function stop(record: RecordFileState, why: RecordEnd['why'], message: string): void {
  if (record.hasStopped) return;
  record.hasStopped = true;
  endFile(record);
  const { options } = record;
  queueMicrotask(() => options.stopped({ path: options.path, why, message }));
}

/** Ends the file. One that was never begun need not be closed. */
function endFile(record: RecordFileState): void {
  if (!record.isLive) return;
  record.isLive = false;
  if (record.size > 0) record.file.end();
}
