/** One file of a recording: packets in the order they come, up to a bound. */

import { systemWords } from '../../files/protocol/system-words.ts';
import { TCP_ACK, TCP_SYN } from '../segment.ts';
import {
  commentBytes,
  fileHead,
  PACKET_OFFSET_BYTES,
  packetBlockSize,
  writePacketHead,
  writePacketTail,
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

/** The payload of a packet. */
export interface Payload {
  readonly bytes: Uint8Array;
  /** Hides what must not be written, in a copy; null when there is nothing. */
  readonly hide: ((copy: Uint8Array) => void) | null;
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
   * Writes a packet, with a payload unless it is null. Answers the packet's number in the file, from 1; 0 when nothing
   * is written any more.
   */
  readonly write: (packet: PacketToRecord, payload: Payload | null) => number;
  readonly isLive: () => boolean;
  /** Ends it: nothing more is written. Because of a fault, when one is given. */
  readonly end: (fault?: unknown) => void;
}

/** Bytes at the end of a file that are kept for saying why it ends. */
const RESERVED_BYTES = 512;
const APPLICATION = 'Sluice';
const TWO_32 = 2 ** 32;
const NO_COMMENTS: readonly Uint8Array[] = [];
const NO_BYTES = new Uint8Array(0);

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
    write: (packet, payload) => write(record, packet, payload),
    end(fault) {
      if (fault !== undefined) stop(record, 'failed', systemWords(fault, 'write'));
      else endFile(record);
    },
  };
}

function write(record: RecordFileState, packet: PacketToRecord, payload: Payload | null): number {
  const { maxBytes } = record.options;
  if (!record.isLive) return 0;
  if (record.size === 0) begin(record);
  const comments = packet.comments.length === 0 ? NO_COMMENTS : packet.comments.map(commentBytes);
  const total = packetBlockSize(packet.maker.headers + (payload?.bytes.length ?? 0), comments);
  if (record.size + total + RESERVED_BYTES > maxBytes) {
    const why = `the recording ends here: the file may have ${maxBytes} bytes`;
    writePacket(record, { ...packet, flags: TCP_ACK }, null, [commentBytes(why)]);
    stop(record, 'full', `it may have ${maxBytes} bytes`);
    return 0;
  }
  writePacket(record, packet, payload, comments);
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
  payload: Payload | null,
  comments: readonly Uint8Array[],
): void {
  const { maker, flags, seq, ack, direction } = packet;
  const { file } = record;
  const bytes = payload?.bytes ?? NO_BYTES;
  const length = maker.headers + (flags & TCP_SYN ? SYN_OPTIONS_BYTES : bytes.length);
  const size = packetBlockSize(length, comments);
  record.size += size;
  record.packets++;
  record.lastTime = Math.max(record.lastTime, packet.time);
  const timeLow = record.originLow + record.lastTime;
  const timeHigh = record.originHigh + Math.floor(timeLow / TWO_32);
  const { room, at } = file.room(size);
  writePacketHead(room.view, at, size, timeHigh, timeLow % TWO_32, length);
  const packetAt = at + PACKET_OFFSET_BYTES;
  const payloadAt = packetAt + maker.headers;
  room.bytes.set(bytes, payloadAt);
  payload?.hide?.(room.bytes.subarray(payloadAt, payloadAt + bytes.length));
  maker.write(room, packetAt, flags, seq, ack, bytes.length);
  writePacketTail(room.view, packetAt + length, size, length, direction, comments);
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
