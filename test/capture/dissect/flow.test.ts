/** The flow of a segment: its own, among however many others. */
import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { createDissector } from '../../../src/capture/dissect/dissect.ts';
import {
  ethernet,
  extension,
  flowOf,
  ipv4,
  ipv6,
  packetOf,
  tcp,
} from '../../support/captures/packet-bytes.ts';
import { cases } from '../../support/random/cases.ts';

const { dissect } = createDissector();

function flowRead(from: string, to: string): string | null {
  const carried = tcp({ from, to });
  const read = dissect(packetOf(ethernet(from.includes('.') ? ipv4(carried) : ipv6(carried))));
  return 'flow' in read ? read.flow : null;
}

test('is that of its own packet, with thousands of others between two of the same', () => {
  const ends = Array.from({ length: 3000 }, (_, n): readonly [string, string] =>
    n % 2 === 0
      ? [`10.0.${n >> 8}.${n & 255}:${n}`, '10.1.0.1:80']
      : [`[fd00::${n.toString(16)}]:${n}`, '[fd00::1]:80'],
  );
  for (const [from, to] of [...ends, ...ends]) expect(flowRead(from, to)).toBe(flowOf(from, to));
});

test.each(['10.0.0.1', '[fd00::1]'])(
  'a flow is distinguished from thousands of others of %s by the port alone',
  (address) => {
    for (let port = 1; port <= 3000; port += 1) {
      const from = `${address}:${port}`;
      expect(flowRead(from, `${address}:80`)).toBe(flowOf(from, `${address}:80`));
    }
  },
);

const byte = fc.constantFrom(0, 1, 255);
const address4 = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join('.'));
const group = fc.constantFrom('0', '1', '100', 'ffff');
const address6 = fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => `[${groups.join(':')}]`);
const port = fc.constantFrom(1, 256, 65_535);
const pairOf = (address: fc.Arbitrary<string>) =>
  fc
    .tuple(address, port, address, port)
    .map(([from, a, to, b]): readonly [string, string] => [`${from}:${a}`, `${to}:${b}`]);

// All of them by one dissector, so that each can be taken for any that came before.
property.prop([fc.oneof(pairOf(address4), pairOf(address6))], { numRuns: cases(250) })(
  'is never that of another, however alike',
  ([from, to]) => {
    expect(flowRead(from, to)).toBe(flowOf(from, to));
  },
);

test.each([
  ['the last word of an address of IPv6 but one', '[1:2:3:4:5:6:7:8]:1', '[1:2:3:4:5:7:7:8]:1'],
  ['the first word', '[1:2:3:4:5:6:7:8]:1', '[2:2:3:4:5:6:7:8]:1'],
])('is another when only %s differs', (_what, one, other) => {
  for (const end of [one, other, one]) {
    expect(flowRead(end, '[fd00::1]:1')).toBe(flowOf(end, '[fd00::1]:1'));
    expect(flowRead('[fd00::1]:1', end)).toBe(flowOf('[fd00::1]:1', end));
  }
});

test('is the same with headers between addresses and ports', () => {
  const four = tcp({ from: '10.9.0.1:1', to: '10.9.0.2:2' });
  const six = tcp({ from: '[fd09::1]:1', to: '[fd09::2]:2' });
  const flows = [ipv4(four, { options: [1] }), ipv4(four), ipv6(extension(0, six)), ipv6(six)].map((ip) => {
    const read = createDissector().dissect(packetOf(ethernet(ip)));
    return 'flow' in read && read.flow;
  });
  const [flow4, flow6] = [flowOf('10.9.0.1:1', '10.9.0.2:2'), flowOf('[fd09::1]:1', '[fd09::2]:2')];
  expect(flows).toEqual([flow4, flow4, flow6, flow6]);
});
