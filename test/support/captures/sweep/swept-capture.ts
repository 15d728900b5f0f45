/**
 * Captures that are drawn: TCP conversations of several protocols, in tunnels and on links of every kind, of which
 * segments are lost, sent again, late and cut by the snap length, and some of which begin in the middle.
 */
import { randomFrom } from '../../../../src/base/random.ts';
import { between, oneOf } from '../../random/seeded.ts';
import { type Block, enhanced, interfaceOf, pcapngBytes } from '../capture-bytes.ts';
import { LINK_LAYERS } from '../link-layers.ts';
import { ethernet } from '../packet-bytes.ts';
import { type InTunnel, TUNNELS } from '../tunnel-kinds.ts';
import { backwards, ENDS_4, ENDS_6 } from '../tunnels.ts';
import { chance, type Random, type SideName, sweptConversation } from './swept-conversation.ts';

export interface SweptCapture {
  readonly bytes: Uint8Array;
  /** How many conversations are in it. */
  readonly conversations: number;
  /** What was drawn, for the message of a failure. */
  readonly drawn: string;
}

/** A link type, and how an IP packet is put into a frame of it, in a tunnel or not. */
function linkOf(
  random: Random,
): readonly [name: string, linkType: number, wrap: (ip: Uint8Array, side: SideName) => Uint8Array] {
  const kind = between(random, 0, 9);
  if (kind === 0) return ['Ethernet', 1, (ip) => ethernet(ip)];
  if (kind <= 2) {
    const [name, linkType, wrap] = oneOf(
      random,
      LINK_LAYERS as [(typeof LINK_LAYERS)[0], ...typeof LINK_LAYERS],
    );
    return [name, linkType, (ip) => wrap(ip)];
  }
  const [name, wrap] = oneOf(random, TUNNELS as [readonly [string, InTunnel], ...typeof TUNNELS]);
  const ends = /IPv6/.test(name) || chance(random, 0.2) ? ENDS_6 : ENDS_4;
  return [name, 1, (ip, side) => wrap(ip, side === 'client' ? ends : backwards(ends))];
}

/** The capture of a seed. */
export function sweptCapture(seed: number): SweptCapture {
  const random = randomFrom(seed);
  const trouble = oneOf(random, [0, 0.1, 0.3]);
  // Longer than the headers of all tunnels, and shorter than many a segment.
  const snapLength = oneOf(random, [0, 0, 260, 400]);
  const count = between(random, 2, 6);
  const links = Array.from({ length: count }, () => linkOf(random));
  const conversations = links.map((_, n) =>
    sweptConversation(random, seed, n, { trouble, isCut: snapLength > 0 }),
  );
  const waiting = conversations.map(({ packets }) => [...packets]);
  const blocks: Block[] = links.map(([, linkType]) => interfaceOf({ linkType }));
  for (let units = 1_700_000_000_000_000n; waiting.some(({ length }) => length > 0); units += 1000n) {
    const at = Math.floor(random() * count);
    const packet = waiting[at]!.shift();
    if (packet === undefined) continue;
    const bytes = links[at]![2](packet.ip, packet.side);
    const kept = snapLength === 0 ? bytes : bytes.subarray(0, snapLength);
    blocks.push(enhanced({ bytes: kept, originalLength: bytes.length, interfaceId: at, units }));
  }
  const drawn = [
    `seed ${seed}: trouble ${trouble}, snap length ${snapLength}`,
    ...conversations.map(({ drawn: what }, n) => `${what}, in ${links[n]![0]}`),
  ];
  return { bytes: pcapngBytes(blocks), conversations: count, drawn: drawn.join('\n') };
}
