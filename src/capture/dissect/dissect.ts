/**
 * From packets to TCP segments: link layer, IP and TCP, one after the other, in one pass over the headers. Where IP
 * carries a tunnel, IP comes again.
 *
 * Nothing here throws, whatever the bytes: an unreadable packet becomes a `NoSegment`.
 */

import type { Packet } from '../packet.ts';
import type { NoSegment, Segment } from '../segment.ts';
import type { FragmentConflict } from '../stream-event.ts';
import { IPV4 } from './ether-numbers.ts';
import { createFlows } from './flow-keys.ts';
import { createFragmentReassembly } from './fragment-reassembly.ts';
import { TCP } from './ip-protocol.ts';
import { readIpv4 } from './ipv4.ts';
import { readIpv6 } from './ipv6.ts';
import { readLink } from './link.ts';
import { createPacketCursor, startPacket } from './packet-cursor.ts';
import { readTcp } from './tcp.ts';
import { readTunnel } from './tunnels/tunnel.ts';

export interface DissectOptions {
  /**
   * `ignore` (the default) reads packets with wrong checksums like any others: where the network card fills them in,
   * every packet that this machine sends is captured without. `verify` reports them as `checksum`: of the IPv4 header
   * and of TCP, the latter where all of the packet was captured. The sum of the pseudo header alone, which offload
   * leaves in the place of a TCP checksum, is a wrong checksum too.
   */
  readonly checksums?: 'ignore' | 'verify';
}

export interface Dissector {
  /**
   * Takes the next packet of a capture, in the order of the file. A fragment is a `fragment` while others are
   * missing, and the one that completes them gives the segment of them all.
   */
  dissect(packet: Packet): Segment | NoSegment;
  /**
   * Call it at the end of the capture. Returns the IP packets whose fragments never became whole: one for each, with
   * the packet of its first fragment (without its bytes), and beyond 1024 of them with how many more there were.
   */
  end(): NoSegment[];
}

/**
 * Makes a dissector for one capture. It keeps nothing of a packet but fragments, of which it holds little and not
 * for long.
 *
 * @param onConflict is called, before `dissect` returns, for a fragment that brings other bytes where there were some.
 * @example
 * const { dissect } = createDissector();
 * for await (const packets of readPackets(capture)) {
 *   for (const packet of packets) {
 *     const read = dissect(packet);
 *     if ('flow' in read) console.log(read.seq, read.length);
 *   }
 * }
 */
export function createDissector(
  { checksums = 'ignore' }: DissectOptions = {},
  onConflict: (conflict: FragmentConflict) => void = () => {},
): Dissector {
  if (checksums !== 'ignore' && checksums !== 'verify') {
    throw new RangeError(`checksums must be 'ignore' or 'verify', and is ${String(checksums)}`);
  }
  const verify = checksums === 'verify';
  const cursor = createPacketCursor();
  const fragments = createFragmentReassembly(onConflict);
  const flowOf = createFlows();

  return {
    dissect(packet) {
      startPacket(cursor, packet);
      let skipped = readLink(cursor);
      // Each tunnel counts, and there are eight at the most.
      while (skipped === null) {
        skipped =
          cursor.protocol === IPV4 ? readIpv4(cursor, fragments, verify) : readIpv6(cursor, fragments);
        if (skipped === null) {
          if (cursor.protocol === TCP) return readTcp(cursor, flowOf, verify);
          skipped = readTunnel(cursor);
        }
      }
      return skipped;
    },
    end: () => fragments.end(),
  };
}
