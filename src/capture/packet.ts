/** A packet as a capture file has it: what was on the wire, when, and how much of it was kept. */

export interface Packet {
  /** From 1, in the order of the file: Wireshark's `frame.number`. */
  readonly number: number;
  /** When it was captured, in nanoseconds since 1970. */
  readonly time: bigint;
  /** The link layer of its first bytes: a LINKTYPE value of https://www.tcpdump.org/linktypes.html. */
  readonly linkType: number;
  /** The captured bytes: a view of the block of the file, so keeping it keeps the block in memory. */
  readonly bytes: Uint8Array;
  /** How many bytes it had on the wire: more than `bytes.length` when it was cut by the snap length. */
  readonly originalLength: number;
  /** The offset in the file, in bytes, of its record or block. */
  readonly position: number;
}
