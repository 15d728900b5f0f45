/** The error of `sluice replay` for a capture without a conversation names what the capture has instead. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nothingFound } from '../../../src/cli/replay/read.ts';
import { pcapBytes } from '../../support/captures/capture-bytes.ts';
import { ethernet, ipv4, tcp } from '../../support/captures/packet-bytes.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

function fileOf(packets: readonly Uint8Array[], linkType: number): string {
  const file = join(tempFolder(), 'other.pcap');
  writeFileSync(file, pcapBytes({ packets: packets.map((bytes) => ({ bytes })), linkType }));
  return file;
}

const udp = (port: number) =>
  ethernet(ipv4({ ...tcp({ from: '10.0.0.1:40000', to: `10.0.0.2:${port}` }), protocol: 17 }));
const saying = (message: string) => ({ status: 1, message });

test('the error for a file of other packets names them, by reason', async () => {
  const file = fileOf([udp(53), udp(4789), udp(53), udp(9000), udp(9001), udp(9002)], 1);
  expect(await nothingFound(file, undefined)).toMatchObject(
    saying(
      `${file} has no TCP connection; what it has is not read: 2 packets: UDP, port 53, perhaps DNS; 1 packet: UDP, port 4789, perhaps VXLAN; 1 packet: UDP, port 9000; 2 packets for other reasons`,
    ),
  );
});

test('the error for a file of a link type that is not read names it', async () => {
  const file = fileOf([udp(53)], 143);
  expect(await nothingFound(file, undefined)).toMatchObject(
    saying(
      `${file} has no TCP connection; what it has is not read: 1 packet: link type 143 (DOCSIS) is not read`,
    ),
  );
});

test('for a capture that can be read only once, the error names the command that shows its packets', async () => {
  expect(await nothingFound('-', undefined)).toMatchObject(
    saying('standard input has no TCP connection; what it has instead, "sluice inspect -" tells'),
  );
});
