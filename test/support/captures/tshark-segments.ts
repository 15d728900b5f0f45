/** The segments that tshark finds in packets, and ours, each as a line that can be compared. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Packet } from '../../../src/capture/packet.ts';
import { reverseFlow, sourceAddress, sourcePort } from '../../../src/capture/reassembly/flow.ts';
import type { NoSegment, Segment } from '../../../src/capture/segment.ts';
import { tempFolder } from '../stores/temp-folder.ts';
import { enhanced, interfaceOf, pcapngBytes } from './capture-bytes.ts';
import { tshark } from './tshark.ts';

const fields = [
  'frame.protocols',
  'frame.number',
  'ip.src',
  'ipv6.src',
  'tcp.srcport',
  'tcp.dstport',
  'tcp.seq_raw',
  'tcp.ack_raw',
  'tcp.flags',
  'tcp.len',
  'tcp.payload',
  'tcp.checksum.status',
];

/**
 * A line for each packet with the values that tshark reads; `none` for one in which it finds no TCP. The packets of a list
 * are of one link type.
 *
 * @param more options of tshark.
 */
export async function linesOfTshark(
  lists: readonly (readonly Packet[])[],
  more: readonly string[] = [],
): Promise<string[]> {
  const file = join(tempFolder(), 'packets.pcapng');
  const interfaces = lists.map(([first]) => interfaceOf({ linkType: first!.linkType }));
  const packets = lists.flatMap((list, interfaceId) =>
    list.map(({ bytes, originalLength }) => enhanced({ bytes, originalLength, interfaceId })),
  );
  writeFileSync(file, pcapngBytes([...interfaces, ...packets]));
  const verified = ['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
  const shown = fields.flatMap((field) => ['-e', field]);
  const text = await tshark(file, [...verified, ...more, '-T', 'fields', '-E', 'separator=|', ...shown]);
  return text.trimEnd().split('\n').map(lineFrom);
}

/** Of tshark's addresses those that are of the innermost IP packet, by the protocols that it names from the outside in. */
function lineFrom(text: string): string {
  const [protocols = '', number, four, six, ...rest] = text.split('|');
  if (rest[0] === '') return `${number}|none`;
  const isIpv6 = protocols.split(':').findLast((name) => name === 'ip' || name === 'ipv6') === 'ipv6';
  return [number, isIpv6 ? '' : four, isIpv6 ? six : '', ...rest].join('|');
}

/** The same line for the dissector's result. The checksum is 1 when it is right, 0 when wrong, 2 when not verified. */
export function lineOf(read: Segment | NoSegment, verified: Segment | NoSegment): string {
  if (!('flow' in read)) return `${read.packet.number}|none`;
  const { ack, flags, flow, length, packet, payload, seq } = read;
  const source = sourceAddress(flow);
  const host = source.slice(0, source.lastIndexOf(':')).replace(/[[\]]/g, '');
  return [
    packet.number,
    ...(host.includes(':') ? ['', host] : [host, '']),
    sourcePort(flow),
    sourcePort(reverseFlow(flow)),
    seq,
    ack,
    `0x${flags.toString(16).padStart(4, '0')}`,
    length,
    Buffer.from(payload).toString('hex'),
    payload.length < length ? 2 : 'flow' in verified ? 1 : 0,
  ].join('|');
}
