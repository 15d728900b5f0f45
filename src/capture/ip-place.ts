/** Where in a packet its IP header says that things are. One object for all packets: filled in anew for each. */

export interface IpPlace {
  /** The offset of the header. */
  header: number;
  /** The offset of the source address; the destination address is right behind it. */
  addresses: number;
  /** Bytes of both addresses: 8 or 32. */
  addressBytes: number;
  /** The protocol of the payload: 6 is TCP. */
  protocol: number;
  /** The offset of the payload. */
  at: number;
  /** The offset of the first byte that is not captured payload. */
  end: number;
  /** Bytes of payload there were on the wire: more than `end - at` when the packet was cut. */
  length: number;
  /** Where in the whole payload this fragment lies, in bytes; 0 as well when it is none. */
  offset: number;
  /** Whether fragments follow it. */
  more: boolean;
  /** Which packet it is a fragment of; without meaning unless it is one. */
  id: number;
}

export const createIpPlace = (): IpPlace => ({
  header: 0,
  addresses: 0,
  addressBytes: 8,
  protocol: 0,
  at: 0,
  end: 0,
  length: 0,
  offset: 0,
  more: false,
  id: 0,
});

/** What keeps a header from being read. */
export interface Unreadable {
  readonly skipped: 'other' | 'cut' | 'malformed';
  readonly message: string;
}

export const unreadable = (skipped: Unreadable['skipped'], message: string): Unreadable => ({
  skipped,
  message,
});

export const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

export const u32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
