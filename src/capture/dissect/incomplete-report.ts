/** Reports the IP packets that never became whole: the first ones one by one, and how many more there were. */
import type { Packet } from '../packet.ts';
import type { NoSegment } from '../segment.ts';
import type { FragmentBuffer } from './fragment-buffer.ts';

/** The most packets that are reported one by one. */
const REPORTED_MAX = 1024;

/** A packet of which fragments are missing. */
export interface Incomplete extends FragmentBuffer {
  readonly layer: string;
  readonly name: string;
  /** The packet of the capture with its first fragment, without its bytes: they would keep their block in memory. */
  readonly packet: Packet;
  /** The protocol that the fragment at offset 0 names. */
  protocol: number;
  /** Whether it is of UDP, which is mostly no tunnel: nothing is wrong with a stream then. */
  readonly isUdp: boolean;
  /** The number of packets with its fragments that have come. */
  count: number;
  /** The numbers of the packets of the capture that had them. */
  readonly numbers: number[];
  /** Its share of the bytes that all may hold. */
  cost: number;
}

export interface IncompleteReport {
  /** At most `REPORTED_MAX`, in the order in which they were given up. */
  readonly reported: NoSegment[];
  /** The number of further packets, and of their fragments. */
  unreported: number;
  unreportedFragments: number;
}

export function reportIncomplete(report: IncompleteReport, incomplete: Incomplete, why: string): void {
  const { count, isUdp, layer, list, name, packet } = incomplete;
  if (report.reported.length === REPORTED_MAX) {
    report.unreported += 1;
    report.unreportedFragments += count;
    return;
  }
  const fragmentCount = count === 1 ? '1 fragment' : `${count} fragments`;
  const without = list[0]?.start === 0 ? 'others' : 'first';
  report.reported.push({
    packet,
    skipped: isUdp ? 'other' : 'fragment',
    message: `${name}: ${fragmentCount}, and ${why}`,
    reason: isUdp ? `UDP, a fragment without its ${without}` : `${layer} fragment without its ${without}`,
    packets: count,
  });
}

/** Takes all that was reported, and one more for the further packets, if there are any. */
export function takeReported(report: IncompleteReport): NoSegment[] {
  const { unreported, unreportedFragments } = report;
  const all = report.reported.splice(0);
  const last = all.at(-1);
  if (unreported > 0 && last !== undefined) {
    all.push({
      ...last,
      message: `IP: fragments of ${unreported} packets more that never became whole`,
      reason: 'IP fragment of a packet that never became whole',
      packets: unreportedFragments,
    });
    report.unreported = 0;
    report.unreportedFragments = 0;
  }
  return all;
}
