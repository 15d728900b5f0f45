/** The classic format, in every variant of it. */
import { describe, expect, test } from 'vitest';
import { captureOf } from '../../../src/capture/capture.ts';
import { type PcapToWrite, pcapBytes } from '../../support/captures/capture-bytes.ts';
import { counting, readCapture } from '../../support/captures/read-capture.ts';

const time = 1_700_000_000_123_456_789n;
const packets = [
  { bytes: counting(60), time },
  { bytes: counting(0), time: time + 1n },
  { bytes: counting(20, 7), time: 4_294_967_295_999_999_999n, originalLength: 1500 },
];
const read = (file: Partial<PcapToWrite>) => readCapture(captureOf(pcapBytes({ packets, ...file })));

describe.each([false, true])('with bigEndian %s', (bigEndian) => {
  test('a pcap file has times in microseconds', async () => {
    const { packets: found, fault } = await read({ bigEndian });
    expect(fault).toBeNull();
    expect(found).toEqual([
      {
        number: 1,
        time: 1_700_000_000_123_456_000n,
        linkType: 1,
        bytes: counting(60),
        originalLength: 60,
        position: 24,
      },
      {
        number: 2,
        time: 1_700_000_000_123_456_000n,
        linkType: 1,
        bytes: counting(0),
        originalLength: 0,
        position: 100,
      },
      {
        number: 3,
        time: 4_294_967_295_999_999_000n,
        linkType: 1,
        bytes: counting(20, 7),
        originalLength: 1500,
        position: 116,
      },
    ]);
  });

  test('a pcap file has times in nanoseconds', async () => {
    const { packets: found } = await read({ bigEndian, nano: true });
    expect(found.map((packet) => packet.time)).toEqual(packets.map((packet) => packet.time));
  });

  test("Kuznetzov's variant of pcap has longer heads", async () => {
    const { packets: found, fault } = await read({ bigEndian, kuznetzov: true });
    expect(fault).toBeNull();
    expect(found.map(({ position, bytes }) => [position, bytes])).toEqual([
      [24, counting(60)],
      [108, counting(0)],
      [132, counting(20, 7)],
    ]);
  });
});

test('seconds are unsigned, so that a capture may be of after 2038', async () => {
  const late = 2_500_000_000_000_000_000n;
  expect((await read({ packets: [{ bytes: counting(1), time: late }] })).packets[0]!.time).toBe(late);
});

test('a fraction of a second that is more than one is carried over', async () => {
  const bytes = pcapBytes({ packets: [{ bytes: counting(1) }], nano: true });
  new DataView(bytes.buffer).setUint32(28, 0xffff_ffff, true);
  expect((await readCapture(captureOf(bytes))).packets[0]!.time).toBe(4_294_967_295n);
});

test('the link type is what is left without the length of the frame check sequence', async () => {
  const { packets: found } = await read({ linkType: 0xf7ff_0071 });
  expect(found.map((packet) => packet.linkType)).toEqual([113, 113, 113]);
});

test('a packet longer than the snap length of the file is read whole', async () => {
  const { packets: found, fault } = await read({ snapLength: 10 });
  expect(fault).toBeNull();
  expect(found[0]!.bytes).toEqual(counting(60));
});

test('a packet of which more was captured than there was has the length of what was captured', async () => {
  const { packets: found } = await read({ packets: [{ bytes: counting(30), originalLength: 0 }] });
  expect(found[0]).toMatchObject({ bytes: counting(30), originalLength: 30 });
});

describe('old files with the two lengths swapped are read as they are meant', () => {
  test.each([
    [2, 2],
    [2, 3],
    [543, 0],
  ] as const)(
    'a pcap file of version %i.%i, with the two lengths swapped, is read as it is meant',
    async (major, minor) => {
      const { packets: found, fault } = await read({ version: [major, minor], lengthsSwapped: true });
      expect(fault).toBeNull();
      expect(found.map(({ bytes, originalLength }) => [bytes.length, originalLength])).toEqual([
        [60, 60],
        [0, 0],
        [20, 1500],
      ]);
    },
  );

  test('a pcap file of version 2.3 with the lengths in order is read as it is meant', async () => {
    const { packets: found } = await read({ version: [2, 3] });
    expect(found.map(({ bytes, originalLength }) => [bytes.length, originalLength])).toEqual([
      [60, 60],
      [0, 0],
      [20, 1500],
    ]);
  });
});

test('a file without packets has none', async () => {
  expect(await read({ packets: [] })).toEqual({ packets: [], fault: null, batches: [] });
});

test('another major version is a fault that names it', async () => {
  const { fault } = await read({ version: [1, 0] });
  expect(fault).toMatchObject({ code: 'damaged', position: 0, after: 0 });
  expect(fault!.message).toContain('version 1.0');
});

test('a packet longer than there can be is damage, and what was before it is handed out', async () => {
  const bytes = pcapBytes({ packets });
  new DataView(bytes.buffer).setUint32(116 + 8, 16 * 1024 * 1024 + 1, true);
  const { packets: found, fault } = await readCapture(captureOf(bytes, 'x.pcap'));
  expect(found).toHaveLength(2);
  expect(fault).toMatchObject({
    code: 'damaged',
    message: 'x.pcap: at byte 116: a packet of 16777217 bytes, and the longest there can be has 16777216',
    position: 116,
    after: 2,
  });
});
