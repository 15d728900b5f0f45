/** Wireshark's tools read generated files as Sluice reads them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { captureFile } from '../../src/capture/capture-file.ts';
import {
  block,
  enhanced,
  interfaceOf,
  obsolete,
  pcapBytes,
  pcapngBytes,
  section,
  simple,
} from '../support/captures/capture-bytes.ts';
import { counting, readCapture } from '../support/captures/read-capture.ts';
import { shareSharkd } from '../support/captures/sharkd.ts';
import { tempFolder } from '../support/stores/temp-folder.ts';

const missing = ['tshark', 'editcap', 'capinfos'].filter((tool) => spawnSync(tool, ['-v']).status !== 0);
const skip = missing.length > 0 && !process.env.CI;
if (skip) console.warn(`skipped: comparing with ${missing.join(', ')}, which are not installed`);

const sharkd = shareSharkd();

/** A line a packet: number, time with nine digits, bytes on the wire, bytes captured. */
async function judged(path: string): Promise<string[]> {
  const { load, packets } = await sharkd();
  await load(path);
  const fields = ['frame.number', 'frame.time_epoch', 'frame.len', 'frame.cap_len'];
  return (await packets({ fields })).map(({ values }) => values.join('\t'));
}

async function ours(path: string, timeless: readonly number[] = []): Promise<string[]> {
  const { packets, fault } = await readCapture(captureFile(path));
  expect(fault).toBeNull();
  return packets.map(({ number, time, originalLength, bytes }) => {
    const digits = time.toString().padStart(10, '0');
    const seconds = timeless.includes(number) ? '' : `${digits.slice(0, -9)}.${digits.slice(-9)}`;
    return [number, seconds, originalLength, bytes.length].join('\t');
  });
}

function file(bytes: Uint8Array): string {
  // The name of the file does not show its format.
  const path = join(tempFolder(), 'capture');
  writeFileSync(path, bytes);
  return path;
}

const start = 1_700_000_000_123_456_789n;
const packets = Array.from({ length: 300 }, (_, index) => ({
  bytes: counting((index * 37) % 1500),
  time: start + BigInt(index) * 123_456_789n,
  originalLength: ((index * 37) % 1500) + (index % 3) * 100,
}));

describe.skipIf(skip)('Wireshark reads the same', () => {
  test.each([
    { nano: false, bigEndian: false },
    { nano: false, bigEndian: true },
    { nano: true, bigEndian: false },
    { nano: true, bigEndian: true },
    { kuznetzov: true, bigEndian: false },
    { kuznetzov: true, bigEndian: true },
    { snapLength: 10 },
    { version: [2, 3], lengthsSwapped: true },
    { version: [2, 2], lengthsSwapped: true },
    { version: [543, 0], lengthsSwapped: true },
    { linkType: 0xf400_0001 },
  ] as const)('Wireshark reads the same in pcap with %o', async (options) => {
    const path = file(pcapBytes({ packets, ...options }));
    const lines = await ours(path);
    expect(lines).toHaveLength(300);
    expect(lines).toEqual(await judged(path));
  });

  test.each(['pcap', 'nsecpcap', 'modpcap', 'pcapng'])(
    'Wireshark reads the same in what editcap writes as %s',
    async (format) => {
      const path = `${file(pcapBytes({ packets, nano: true }))}`;
      const converted = `${path}.converted`;
      execFileSync('editcap', ['-F', format, path, converted], { stdio: 'ignore' });
      const lines = await ours(converted);
      expect(lines).toHaveLength(300);
      expect(lines).toEqual(await judged(converted));
      if (format === 'nsecpcap' || format === 'pcapng') expect(lines).toEqual(await ours(path));
    },
  );

  test('Wireshark reads the same in pcapng with sections of either byte order, many clocks, and every kind of block', async () => {
    const bytes = counting(99);
    const blocks = [false, true].flatMap((bigEndian) => [
      section({ bigEndian }),
      interfaceOf(),
      enhanced({ bytes, units: start / 1000n, comment: 'a comment' }),
      block(0x0000_0005, new Uint8Array(12)),
      interfaceOf({ resolution: 9 }),
      enhanced({ bytes, units: start, interfaceId: 1, originalLength: 1000 }),
      interfaceOf({ resolution: 3, offset: 1000n }),
      enhanced({ bytes, units: start / 1_000_000n, interfaceId: 2 }),
      interfaceOf({ resolution: 0x80 | 20 }),
      enhanced({ bytes, units: (1_700_000_000n << 20n) + 654_321n, interfaceId: 3 }),
      block(0x7777, counting(10)),
      interfaceOf({ resolution: 0x80 | 32, offset: -5n }),
      enhanced({ bytes, units: (1_700_000_000n << 32n) + 3_210_654_321n, interfaceId: 4 }),
      obsolete({ bytes, units: start, interfaceId: 1 }),
      interfaceOf({ resolution: 12 }),
      enhanced({ bytes, units: start, interfaceId: 5 }),
    ]);
    const path = file(pcapngBytes(blocks));
    const lines = await ours(path);
    expect(lines).toHaveLength(14);
    expect(lines).toEqual(await judged(path));
  });

  test('Wireshark reads the same in simple packet blocks, which have no time', async () => {
    const path = file(
      pcapngBytes([
        interfaceOf({ snapLength: 20 }),
        simple(counting(18)),
        simple(counting(20), 33),
        simple(counting(20)),
      ]),
    );
    expect(await ours(path, [1, 2, 3])).toEqual(await judged(path));
  });

  test('capinfos counts as many packets and bytes', async () => {
    const path = file(pcapBytes({ packets }));
    const { packets: found } = await readCapture(captureFile(path));
    const [, line] = execFileSync('capinfos', ['-TMcd', path], { encoding: 'utf8' }).split('\n');
    const bytes = found.reduce((sum, { originalLength }) => sum + originalLength, 0);
    expect(line!.split('\t').slice(-2)).toEqual([String(found.length), String(bytes)]);
  });

  test.each([1000, 5000, 20_000])(
    'Wireshark reads the same packets in front of where a file was cut (%i)',
    async (end) => {
      const path = file(pcapBytes({ packets }).subarray(0, end));
      const { packets: found, fault } = await readCapture(captureFile(path));
      expect(fault).toMatchObject({ code: 'truncated' });
      const { stdout } = spawnSync('tshark', ['-r', path, '-T', 'fields', '-e', 'frame.number'], {
        encoding: 'utf8',
      });
      expect(stdout.split('\n').length - 1).toBe(found.length);
    },
  );
});
