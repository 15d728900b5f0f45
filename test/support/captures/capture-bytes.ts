/** Writes capture files byte for byte: pcap in every variant, and pcapng out of blocks. */

/** A packet to be written. */
export interface PacketToWrite {
  readonly bytes: Uint8Array;
  /** Nanoseconds since 1970; default 0. Truncated to the resolution of the file. */
  readonly time?: bigint;
  /** Bytes on the wire; default the length of `bytes`. */
  readonly originalLength?: number;
}

/** Writes numbers of one byte order, one after the other. */
export interface Writer {
  u8(value: number): Writer;
  u16(value: number): Writer;
  u32(value: number): Writer;
  u64(value: bigint): Writer;
  bytes(value: Uint8Array): Writer;
  /** Zeros up to the next multiple of 4. */
  pad(): Writer;
  done(): Uint8Array;
}

export function writer(bigEndian = false): Writer {
  let room = new Uint8Array(256);
  let length = 0;
  /** Makes room for `count` bytes, and returns its position. */
  const next = (count: number): number => {
    if (length + count > room.length) {
      const larger = new Uint8Array(2 * (length + count));
      larger.set(room);
      room = larger;
    }
    length += count;
    return length - count;
  };
  const number = (count: number, put: (view: DataView, at: number) => void): Writer => {
    const at = next(count);
    put(new DataView(room.buffer), at);
    return self;
  };
  const self: Writer = {
    u8: (value) => number(1, (view, at) => view.setUint8(at, value)),
    u16: (value) => number(2, (view, at) => view.setUint16(at, value, !bigEndian)),
    u32: (value) => number(4, (view, at) => view.setUint32(at, value, !bigEndian)),
    u64: (value) => number(8, (view, at) => view.setBigUint64(at, BigInt.asUintN(64, value), !bigEndian)),
    bytes(value) {
      const at = next(value.length);
      room.set(value, at);
      return self;
    },
    pad() {
      next((4 - (length % 4)) % 4);
      return self;
    },
    done: () => room.slice(0, length),
  };
  return self;
}

export interface PcapToWrite {
  readonly packets: readonly PacketToWrite[];
  /** Times in nanoseconds; default in microseconds. */
  readonly nano?: boolean;
  readonly bigEndian?: boolean;
  /** Kuznetzov's variant, with 24 bytes in front of a packet. */
  readonly kuznetzov?: boolean;
  /** Default 1, Ethernet. */
  readonly linkType?: number;
  /** Default 262,144. */
  readonly snapLength?: number;
  /** Default 2.4. */
  readonly version?: readonly [major: number, minor: number];
  /** The length on the wire in front of that captured, as old writers had it. */
  readonly lengthsSwapped?: boolean;
}

/**
 * A pcap file.
 *
 * @example pcapBytes({ packets: [{ bytes, time: 1_700_000_000_000_000_000n }], nano: true })
 */
export function pcapBytes(file: PcapToWrite): Uint8Array {
  const { nano = false, kuznetzov = false } = file;
  const [major, minor] = file.version ?? [2, 4];
  const to = writer(file.bigEndian);
  to.u32(kuznetzov ? 0xa1b2cd34 : nano ? 0xa1b23c4d : 0xa1b2c3d4);
  to.u16(major).u16(minor).u32(0).u32(0);
  to.u32(file.snapLength ?? 262_144).u32(file.linkType ?? 1);
  for (const { bytes, time = 0n, originalLength = bytes.length } of file.packets) {
    const fraction = time % 1_000_000_000n;
    to.u32(Number(time / 1_000_000_000n)).u32(Number(nano ? fraction : fraction / 1000n));
    if (file.lengthsSwapped) to.u32(originalLength).u32(bytes.length);
    else to.u32(bytes.length).u32(originalLength);
    if (kuznetzov) to.u32(2).u16(0x0800).u8(0).u8(0);
    to.bytes(bytes);
  }
  return to.done();
}

/** A block of a pcapng file. It is written in the byte order of its section. */
export interface Block {
  readonly type: number;
  readonly body: (bigEndian: boolean) => Uint8Array;
  /** Only of a section header: its byte order, and that of the blocks behind it. */
  readonly bigEndian?: boolean;
  /** Wrong lengths of the block: at its beginning, and at its end. */
  readonly lengths?: readonly [first: number, last: number];
}

/**
 * A pcapng file of blocks. It begins with a little-endian section header unless the first block is a section header.
 *
 * @example pcapngBytes([section({ bigEndian: true }), interfaceOf({ resolution: 9 }), enhanced({ bytes, units: 5n })])
 */
export function pcapngBytes(blocks: readonly Block[]): Uint8Array {
  const all = blocks[0]?.type === 0x0a0d0d0a ? blocks : [section(), ...blocks];
  const parts: Uint8Array[] = [];
  let bigEndian = false;
  for (const block of all) {
    bigEndian = block.bigEndian ?? bigEndian;
    const body = block.body(bigEndian);
    const length = 12 + Math.ceil(body.length / 4) * 4;
    const [first, last] = block.lengths ?? [length, length];
    parts.push(writer(bigEndian).u32(block.type).u32(first).bytes(body).pad().u32(last).done());
  }
  return joined(parts);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** Any block. */
export function block(type: number, body: Uint8Array): Block {
  return { type, body: () => body };
}

/** SHB. */
export function section(
  options: { bigEndian?: boolean; version?: readonly [number, number]; length?: bigint } = {},
): Block {
  const { bigEndian = false, version = [1, 0], length = -1n } = options;
  return {
    type: 0x0a0d0d0a,
    bigEndian,
    body: (order) => writer(order).u32(0x1a2b3c4d).u16(version[0]).u16(version[1]).u64(length).done(),
  };
}

export interface InterfaceToWrite {
  /** Default 1, Ethernet. */
  readonly linkType?: number;
  /** Default 0: no limit. */
  readonly snapLength?: number;
  /** `if_tsresol`; none by default, which means 6. */
  readonly resolution?: number;
  /** `if_tsoffset`, in seconds; none by default. */
  readonly offset?: bigint;
}

/** IDB. */
export function interfaceOf(options: InterfaceToWrite = {}): Block {
  return {
    type: 1,
    body(order) {
      const to = writer(order)
        .u16(options.linkType ?? 1)
        .u16(0)
        .u32(options.snapLength ?? 0);
      // A name (if_name) in front, so that an option has to be passed over.
      to.u16(2).u16(3).bytes(Buffer.from('eth')).pad();
      if (options.resolution !== undefined) to.u16(9).u16(1).u8(options.resolution).pad();
      if (options.offset !== undefined) to.u16(14).u16(8).u64(options.offset);
      return to.u16(0).u16(0).done();
    },
  };
}

export interface PacketBlock {
  readonly bytes: Uint8Array;
  /** In units of the interface's resolution, as it is written: 64 bits. Default 0. */
  readonly units?: bigint;
  readonly originalLength?: number;
  /** Default 0. */
  readonly interfaceId?: number;
  /** Of an EPB: an option `opt_comment`. */
  readonly comment?: string;
}

const high = (units: bigint): number => Number(BigInt.asUintN(64, units) >> 32n);
const low = (units: bigint): number => Number(BigInt.asUintN(32, units));

/** EPB. */
export function enhanced(packet: PacketBlock): Block {
  const { bytes, units = 0n, originalLength = bytes.length, interfaceId = 0, comment } = packet;
  return {
    type: 6,
    body(order) {
      const to = writer(order).u32(interfaceId).u32(high(units)).u32(low(units));
      to.u32(bytes.length).u32(originalLength).bytes(bytes).pad();
      if (comment === undefined) return to.done();
      const text = Buffer.from(comment);
      return to.u16(1).u16(text.length).bytes(text).pad().u16(0).u16(0).done();
    },
  };
}

/** PB, the obsolete one: its interface has 16 bits, and so has the number of packets dropped. */
export function obsolete(packet: Omit<PacketBlock, 'comment'> & { readonly drops?: number }): Block {
  const { bytes, units = 0n, originalLength = bytes.length, interfaceId = 0, drops = 0xffff } = packet;
  return {
    type: 2,
    body: (order) =>
      writer(order)
        .u16(interfaceId)
        .u16(drops)
        .u32(high(units))
        .u32(low(units))
        .u32(bytes.length)
        .u32(originalLength)
        .bytes(bytes)
        .pad()
        .done(),
  };
}

/** SPB. */
export function simple(bytes: Uint8Array, originalLength = bytes.length): Block {
  return { type: 3, body: (order) => writer(order).u32(originalLength).bytes(bytes).pad().done() };
}
