/**
 * Packets to TCP segments: link layer, IP, fragments, TCP. Node's part of it is one call for the flow's key.
 */
import { Buffer } from 'node:buffer';
import { folded, sumOf } from './checksum.ts';
import { createFragments } from './fragments.ts';
import { createIpPlace, u16, u32 } from './ip-place.ts';
import { readIpv4 } from './ipv4.ts';
import { readIpv6 } from './ipv6.ts';
import { CUT, findIp, isKnownLinkType, NOT_IP } from './link-layer.ts';
import type { Packet } from './packet.ts';
import type { NoSegment, Segment } from './segment.ts';

export interface DissectOptions {
  /**
   * Whether segments with a wrong IPv4 or TCP checksum are left out. Default `ignore`: a machine that leaves checksums
   * to its network card captures its own packets without them. What was not captured whole is not verified.
   */
  readonly checksums?: 'ignore' | 'verify';
}

export interface Dissector {
  /**
   * Takes the next packet, in the order of the file. A segment of an IP packet that came in fragments comes with the
   * last of them; what is `fragment` until then is no loss.
   */
  dissect(packet: Packet): Segment | NoSegment;
  /** The packets that are lost for want of their other fragments: told after the last packet, each by one of them. */
  end(): NoSegment[];
}

const TCP = 6;
const TCP_HEADER = 20;

/**
 * Makes a dissector. It holds only IP packets that came in fragments and are unfinished: at most 16 MiB.
 *
 * @example
 * const { dissect } = createDissector();
 * const it = dissect(packet);
 * if ('skipped' in it) console.log(it.message);
 * else console.log(it.seq, it.payload.length);
 */
export function createDissector({ checksums = 'ignore' }: DissectOptions = {}): Dissector {
  const fragments = createFragments();
  const place = createIpPlace();
  const keyOf = createKeys();
  const verify = checksums === 'verify';

  function skipped(packet: Packet, why: NoSegment['skipped'], message: string): NoSegment {
    return { packet, skipped: why, message };
  }

  function dissect(packet: Packet): Segment | NoSegment {
    const { bytes, linkType, originalLength } = packet;
    const at = findIp(linkType, bytes);
    if (at < 0) return noIp(packet, at);
    if (at >= bytes.length) return skipped(packet, 'cut', 'IP: nothing of it was captured');
    const version = bytes[at]! >> 4;
    if (version !== 4 && version !== 6) {
      return skipped(packet, 'malformed', `IP: version ${version}, and there are 4 and 6`);
    }
    const read = version === 4 ? readIpv4 : readIpv6;
    const wrong = read(bytes, at, originalLength, place);
    if (wrong !== null) return skipped(packet, wrong.skipped, wrong.message);
    if (verify && version === 4 && folded(sumOf(bytes, at, place.at)) !== 0xffff) {
      return skipped(packet, 'checksum', 'IPv4: the header checksum is wrong');
    }
    const { addresses, addressBytes } = place;
    if (place.offset > 0 || place.more) {
      const key = `${keyOf(bytes, addresses, addressBytes)}${version === 4 ? place.protocol : ''}/${place.id}`;
      const whole = fragments.take(key, packet, place);
      if (whole === null) return skipped(packet, 'fragment', 'IP: a fragment, and others are still to come');
      const { payload, length, protocol } = whole;
      return ofProtocol(packet, protocol, payload, 0, payload.length, length);
    }
    return ofProtocol(packet, place.protocol, bytes, place.at, place.end, place.length);
  }

  function ofProtocol(
    packet: Packet,
    protocol: number,
    bytes: Uint8Array,
    at: number,
    end: number,
    length: number,
  ): Segment | NoSegment {
    if (protocol !== TCP) return skipped(packet, 'other', `IP: protocol ${protocol}, not TCP`);
    if (length < TCP_HEADER) {
      return skipped(
        packet,
        'malformed',
        `TCP: a segment of ${length} bytes, and the least is ${TCP_HEADER}`,
      );
    }
    if (end - at < TCP_HEADER) return skipped(packet, 'cut', 'TCP: the header was not captured whole');
    const header = (bytes[at + 12]! >> 4) * 4;
    if (header < TCP_HEADER || header > length) {
      const message = `TCP: header length ${header} bytes, and the least is ${TCP_HEADER}, the most ${length}`;
      return skipped(packet, 'malformed', message);
    }
    const { addresses, addressBytes } = place;
    if (verify && end - at === length && !isIntact(packet.bytes, bytes, at, end)) {
      return skipped(packet, 'checksum', 'TCP: the checksum is wrong');
    }
    const data = Math.min(at + header, end);
    return {
      packet,
      flow: keyOf(packet.bytes, addresses, addressBytes) + keyOf(bytes, at, 4),
      seq: u32(bytes, at + 4),
      ack: u32(bytes, at + 8),
      flags: bytes[at + 13]!,
      payload: bytes.subarray(data, end),
      length: length - header,
    };
  }

  /** Whether the checksum is right: over the pseudo header (RFC 9293, section 3.1) and the segment. */
  function isIntact(packet: Uint8Array, bytes: Uint8Array, at: number, end: number): boolean {
    const { addresses, addressBytes } = place;
    const pseudo = sumOf(packet, addresses, addresses + addressBytes) + TCP + (end - at);
    return folded(pseudo + sumOf(bytes, at, end)) === 0xffff;
  }

  return { dissect, end: () => fragments.given(true) };
}

function noIp(packet: Packet, at: number): NoSegment {
  const { linkType, bytes } = packet;
  if (at === CUT)
    return { packet, skipped: 'cut', message: `link type ${linkType}: the header was not captured whole` };
  if (at === NOT_IP && isKnownLinkType(linkType)) {
    const type = linkType === 1 && bytes.length >= 14 ? ` (EtherType 0x${u16(bytes, 12).toString(16)})` : '';
    return { packet, skipped: 'other', message: `not an IP packet${type}` };
  }
  return { packet, skipped: 'other', message: `link type ${linkType} is not one that is understood` };
}

/** Makes text of bytes, a character each. Looks up the memory they are in once a block, not once a packet. */
function createKeys() {
  let memory: ArrayBufferLike | null = null;
  let block: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  return (bytes: Uint8Array, at: number, length: number): string => {
    if (bytes.buffer !== memory) {
      memory = bytes.buffer;
      block = Buffer.from(bytes.buffer);
    }
    const from = bytes.byteOffset + at;
    return block.toString('latin1', from, from + length);
  };
}
