/** tshark and the dissector read the same in tunnels of every kind. */
import { describe, expect, test } from 'vitest';
import { createDissector } from '../../../../src/capture/dissect/dissect.ts';
import { ipv4, ipv6, packetOf, tcp } from '../../../support/captures/packet-bytes.ts';
import { lineOf, linesOfTshark } from '../../../support/captures/tshark-segments.ts';
import { L2TP_3, TUNNELS } from '../../../support/captures/tunnel-kinds.ts';
import { need } from '../../../support/install-tools.ts';

/** Of fields that occur more than once, tshark writes the last: that of the innermost packet. It is told the port of Linux. */
const OPTIONS = ['-E', 'occurrence=l', '-d', 'udp.port==8472,vxlan'];

const hello = { seq: 0xffff_fff0, ack: 77, flags: 'PA', payload: 'hello' };
const four = ipv4(tcp({ from: '10.0.0.1:40001', to: '10.0.0.2:40002', ...hello }));
const six = ipv6(tcp({ from: '[2001:db8::1]:40001', to: '[2001:db8::2]:40002', ...hello }));
const long = ipv4(tcp({ from: '10.0.0.1:40001', to: '10.0.0.2:40002', ...hello, payload: 'x'.repeat(900) }));

const kinds = TUNNELS.flatMap(([name, wrap]) => [
  [name, wrap(four)] as const,
  [`${name}, IPv6`, wrap(six)] as const,
  // Beyond the longest headers of all of them, and before the end.
  [`${name}, cut`, wrap(long), 300] as const,
]);
const packets = kinds.map(([, bytes, kept = bytes.length], index) =>
  packetOf(bytes, { kept, number: index + 1 }),
);

describe.skipIf(!need('tshark'))('tunnels as tshark reads them', () => {
  test('tunnels of every kind are read as tshark reads them', async () => {
    const theirs = await linesOfTshark([packets], OPTIONS);
    const [reading, verifying] = [createDissector(), createDissector({ checksums: 'verify' })];
    const named = (lines: readonly string[]) => lines.map((line, index) => `${kinds[index]?.[0]}: ${line}`);
    const mine = packets.map((packet) => lineOf(reading.dissect(packet), verifying.dissect(packet)));
    expect(mine.filter((line) => line.endsWith('|none'))).toEqual([]);
    expect(named(mine)).toEqual(named(theirs));
  });

  test.each([
    ['None', 'None', [0, 2]],
    ['8 Byte Cookie', 'Default L2-Specific', [1]],
  ])(
    'L2TPv3 is read as tshark reads it once it is told of a cookie (%s) and a sublayer (%s)',
    async (cookie, sublayer, which) => {
      const preferences = [
        '-o',
        `l2tp.cookie_size:${cookie}`,
        '-o',
        `l2tp.l2_specific:${sublayer}`,
        '-d',
        'l2tp.pw_type==0,eth',
      ];
      const { dissect } = createDissector();
      const list = which.flatMap((at) => [four, six].map((ip) => L2TP_3[at]![1](ip)));
      const numbered = list.map((bytes, index) => packetOf(bytes, { number: index + 1 }));
      const mine = numbered.map((packet) => lineOf(dissect(packet), dissect(packet)));
      expect(mine).toEqual(await linesOfTshark([numbered], [...OPTIONS, ...preferences]));
    },
  );
});
