/** A conversation in a tunnel is its own: not one with the same addresses outside, or in another tunnel. */
import { describe, expect, test } from 'vitest';
import { captureOf } from '../../../../src/capture/capture.ts';
import { createDissector } from '../../../../src/capture/dissect/dissect.ts';
import { createTunnelTable, NO_ID } from '../../../../src/capture/dissect/tunnels/tunnel-table.ts';
import { readStreams } from '../../../../src/capture/read-streams.ts';
import { reverseFlow } from '../../../../src/capture/reassembly/flow.ts';
import { createFlowIndex } from '../../../../src/capture/reassembly/table/flow-index.ts';
import { createRecords, NO_RECORD } from '../../../../src/capture/reassembly/table/records.ts';
import { pcapBytes } from '../../../support/captures/capture-bytes.ts';
import {
  addressBytes,
  bytesOf,
  ethernet,
  ipv4,
  packetOf,
  tcp,
} from '../../../support/captures/packet-bytes.ts';
import { TUNNELS } from '../../../support/captures/tunnel-kinds.ts';
import {
  backwards,
  carrying,
  ENDS_4,
  ENDS_6,
  erspan2,
  geneve,
  gre,
  gtp,
  l2tp,
  over,
  ppp,
  pptp,
  type TunnelEnds,
  udp,
  vxlan,
} from '../../../support/captures/tunnels.ts';

const [client, server] = ['10.0.0.1:40001', '10.0.0.2:443'];
const there = ipv4(tcp({ from: client, to: server, payload: 'hello' }));
const back = ipv4(tcp({ from: server, to: client, payload: 'hello' }));

const letter = (n: number): string => String.fromCharCode(97 + n);

const { dissect } = createDissector();
function flowIn(bytes: Uint8Array): string {
  const read = dissect(packetOf(bytes));
  if (!('flow' in read)) throw new Error(read.message);
  return read.flow;
}

describe('both directions are one conversation', () => {
  test.each(TUNNELS)('%s', (name, wrap) => {
    const ends = /IPv6/.test(name) ? ENDS_6 : ENDS_4;
    expect(flowIn(wrap(back, backwards(ends)))).toBe(reverseFlow(flowIn(wrap(there, ends))));
    // Mirrored frames go to one receiver, whatever their direction.
    expect(flowIn(wrap(back, ends))).toBe(reverseFlow(flowIn(wrap(there, ends))));
  });

  test.each<[string, (n: number, ip: Uint8Array) => Uint8Array]>([
    ['the TEID of GTP-U', (teid, ip) => carrying(udp(2152, gtp(ip, { teid })))],
    ['the session of L2TP', (session, ip) => carrying(udp(1701, l2tp(ppp(ip), { session })))],
    ['the call of PPTP', (call, ip) => carrying(over(47, pptp(ppp(ip), { call })))],
    [
      'the port that VXLAN is sent from',
      (port, ip) => carrying(udp(4789, vxlan(1, ethernet(ip)), ENDS_4, port)),
    ],
    [
      'the hash of NVGRE',
      (hash, ip) => carrying(over(47, gre(ethernet(ip), { etherType: 0x6558, key: 0x4200 | hash }))),
    ],
  ])('%s, which differs by direction, is no part of it', (_name, wrap) => {
    expect(flowIn(wrap(4, back))).toBe(reverseFlow(flowIn(wrap(3, there))));
  });
});

describe('the same addresses are other conversations', () => {
  const elsewhere: TunnelEnds = { source: '192.0.2.1', destination: '192.0.2.9' };
  const inVxlan = (vni: number, ends?: TunnelEnds) => carrying(udp(4789, vxlan(vni, ethernet(there)), ends));
  const frames: readonly (readonly [string, Uint8Array])[] = [
    ['outside', ethernet(there)],
    ['in VXLAN', inVxlan(1)],
    ['of another VNI', inVxlan(2)],
    ['between other ends', inVxlan(1, elsewhere)],
    ['over IPv6', inVxlan(1, ENDS_6)],
    ['in VXLAN in VXLAN', carrying(udp(4789, vxlan(1, inVxlan(1))))],
    ['in Geneve', carrying(udp(6081, geneve(1, ethernet(there))))],
    ['in GRE', carrying(over(47, gre(there)))],
    ['of a key', carrying(over(47, gre(there, { key: 0 })))],
    ['of another key', carrying(over(47, gre(there, { key: 1 })))],
    ['in ERSPAN', carrying(over(47, erspan2(1, ethernet(there))))],
    ['of another session', carrying(over(47, erspan2(2, ethernet(there))))],
    ['in IP in IP', carrying(over(4, there))],
    ['in IP in IP over IPv6', carrying(over(4, there, ENDS_6))],
    ['in GTP-U', carrying(udp(2152, gtp(there)))],
    ['in L2TP', carrying(udp(1701, l2tp(ppp(there))))],
    ['in PPTP', carrying(over(47, pptp(ppp(there))))],
  ];

  test('inside and outside of tunnels, and in each of them', () => {
    const flows = frames.map(([, bytes]) => flowIn(bytes));
    expect(new Set(flows).size).toBe(frames.length);
    // The same again, backwards: none is taken for the one before.
    expect(frames.toReversed().map(([, bytes]) => flowIn(bytes))).toEqual(flows.toReversed());
  });

  test('thousands of tunnels with the same addresses are told apart, by the dissector and by the index of flows', () => {
    const flows = Array.from({ length: 3000 }, (_, vni) => flowIn(inVxlan(vni)));
    expect(new Set(flows).size).toBe(3000);
    expect(Array.from({ length: 3000 }, (_, vni) => flowIn(inVxlan(vni)))).toEqual(flows);
    const records = createRecords();
    const index = createFlowIndex(records);
    for (const flow of flows) {
      expect(index.find(flow)).toBe(NO_RECORD);
      index.add(records.allocate(), flow);
    }
    expect(flows.map((flow) => index.find(reverseFlow(flow)))).toEqual(flows.map((_, record) => record));
    index.delete(0);
    expect([index.find(flows[0]!), index.find(flows[1]!)]).toEqual([NO_RECORD, 1]);
  });

  test('each has its own bytes in the streams of a capture', async () => {
    const packetsOf = (seq: number, payload: (n: number) => string) =>
      frames.map((_, n) => {
        const ip = ipv4(tcp({ from: client, to: server, seq, flags: 'PA', payload: payload(n) }));
        return n === 0 ? ethernet(ip) : carrying(udp(4789, vxlan(n, ethernet(ip))));
      });
    const bytes = [
      ...packetsOf(1, (n) => `first of ${letter(n)}`),
      ...packetsOf(11, (n) => `, then ${letter(n)}`),
    ];
    const capture = captureOf(pcapBytes({ packets: bytes.map((each) => ({ bytes: each })), linkType: 1 }));
    const texts = new Map<number, string>();
    for await (const events of readStreams(capture)) {
      for (const event of events) {
        if (event.type !== 'chunk') continue;
        const { index } = event.conversation;
        texts.set(index, (texts.get(index) ?? '') + Buffer.from(event.bytes).toString());
      }
    }
    expect([...texts.values()]).toEqual(frames.map((_, n) => `first of ${letter(n)}, then ${letter(n)}`));
  });
});

describe('the table of tunnels', () => {
  const seen = (n: number, tunnel = 0) => {
    const addresses = bytesOf(addressBytes(`10.0.${n >> 8}.${n & 255}`), addressBytes('10.9.0.1'));
    return { tunnel, depth: tunnel === 0 ? 0 : 1, addresses, addressesAt: 0, addressesLength: 8 };
  };

  test('a tunnel keeps its number however many others come between', () => {
    const table = createTunnelTable();
    const first = Array.from({ length: 2000 }, (_, n) => table.numberOf(seen(n), 'GRE', NO_ID));
    expect(new Set(first).size).toBe(2000);
    expect(first.map((_, n) => table.numberOf(seen(n), 'GRE', NO_ID))).toEqual(first);
  });

  test('a tunnel in another one is told from one of the same ends outside', () => {
    const table = createTunnelTable();
    const outer = table.numberOf(seen(1), 'GRE', NO_ID);
    expect(table.numberOf(seen(2, outer), 'GRE', NO_ID)).not.toBe(table.numberOf(seen(2), 'GRE', NO_ID));
  });

  test('of too many, that which was not seen for the longest is forgotten, and gets a number of its own again', () => {
    const table = createTunnelTable(3);
    const numberOf = (n: number) => table.numberOf(seen(n), 'GRE', NO_ID);
    const [one, two, three] = [numberOf(1), numberOf(2), numberOf(3)];
    expect(numberOf(1)).toBe(one);
    expect(numberOf(4)).toBe(4);
    expect([numberOf(3), numberOf(1)]).toEqual([three, one]);
    expect(numberOf(2)).toBe(5);
    expect(two).toBe(2);
  });
});
