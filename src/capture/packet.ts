/** A packet as a capture file has it: what was on the wire, when, and how much of it was kept. */

export interface Packet {
  /** From 1, in the order of the file: Wireshark's `frame.number`. */
  readonly number: number;
  /** When it was captured, in nanoseconds since 1970. */
  readonly time: bigint;
  /** What its first bytes are, as the file says: a LINKTYPE value of https://www.tcpdump.org/linktypes.html. */
  readonly linkType: number;
  /** What was kept of it. A view of the block it was read in: whoever keeps it for long keeps the block too. */
  readonly bytes: Uint8Array;
  /** How many bytes it had on the wire: more than `bytes.length` when it was cut by the snap length. */
  readonly originalLength: number;
  /** The offset in the file, in bytes, of its record or block. */
  readonly position: number;
}
