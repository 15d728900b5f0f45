/**
 * The interface by which `records.ts` cuts a capture file into records, whatever the format.
 *
 * A format is a reader of one file with a state, as a pcapng section changes the meaning of what follows it. Only
 * `records.ts` knows of blocks of input and their boundaries.
 */
import type { Packet } from '../packet.ts';

/** Bytes, and the view to read numbers with. */
export interface ByteView {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export function byteView(bytes: Uint8Array): ByteView {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** Where packets go as they are read. */
export interface Batch {
  packets: Packet[];
  /** The number of the last packet of the file so far; 0 when there is none. */
  last: number;
}

/** Why a record cannot be read, in words that can follow `at byte 24: `. */
export interface Damage {
  readonly damage: string;
}

export interface RecordFormat {
  /** For messages: `pcap`, `pcapng`. */
  readonly name: string;
  /** Names the record that begins here, for messages: `the file header`, `a packet`. */
  expects(): string;
  /**
   * Returns how many bytes from `at` must be there before `read`, as far as those up to `end` show: at least 1. When
   * that is more than there are, the caller calls it again once so many are there, and it must not return fewer then.
   * It changes nothing.
   *
   * Limits are checked here, before anything is allocated for what a record claims.
   */
  need(view: DataView, at: number, end: number): number | Damage;
  /**
   * Reads the record in `length` bytes from `at`, as `need` returned, and adds its packet, if it has one, to the batch.
   * Packets are views of the input.
   *
   * @param position the offset of the record in the file.
   * @returns how many bytes behind the record the caller is to skip: any number, and none of them is held.
   */
  read(piece: ByteView, at: number, length: number, position: number, batch: Batch): number | Damage;
  /** The offset of the record that is being skipped in several steps; null when none is. */
  readonly within: number | null;
}

/**
 * The longest packet, in bytes. It bounds what is gathered of a record that lies across blocks of input. Wireshark's
 * limit for networks is 256 KiB; segments from offload and jumbo frames are far below it.
 */
export const PACKET_BYTES_MAX = 16 * 1024 * 1024;

export function tooLong(length: number): Damage {
  return { damage: `a packet of ${length} bytes, and the longest there can be has ${PACKET_BYTES_MAX}` };
}
