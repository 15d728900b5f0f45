/** The newer format: sections, interfaces, clocks, and every kind of block. */
import { describe, expect, test } from 'vitest';
import { captureOf } from '../../../src/capture/capture.ts';
import {
  type Block,
  block,
  enhanced,
  interfaceOf,
  obsolete,
  pcapngBytes,
  section,
  simple,
} from '../../support/captures/capture-bytes.ts';
import { counting, inBlocks, readCapture } from '../../support/captures/read-capture.ts';

const read = (...blocks: Block[]) => readCapture(captureOf(pcapngBytes(blocks)));
const bytes = counting(21);

describe.each([false, true])('with bigEndian %s', (bigEndian) => {
  test('enhanced, simple and obsolete packet blocks are packets', async () => {
    const { packets, fault } = await read(
      section({ bigEndian }),
      interfaceOf({ linkType: 113, snapLength: 16 }),
      interfaceOf({ linkType: 101, resolution: 9 }),
      enhanced({ bytes, units: 1_700_000_000_123_456n, originalLength: 99, comment: 'passed over' }),
      enhanced({ bytes, units: 1_700_000_000_123_456_789n, interfaceId: 1 }),
      simple(counting(16), 40),
      simple(counting(3)),
      obsolete({ bytes, units: 7n, interfaceId: 1, drops: 3 }),
    );
    expect(fault).toBeNull();
    expect(packets.map(({ position, ...packet }) => packet)).toEqual([
      { number: 1, time: 1_700_000_000_123_456_000n, linkType: 113, bytes, originalLength: 99 },
      { number: 2, time: 1_700_000_000_123_456_789n, linkType: 101, bytes, originalLength: 21 },
      { number: 3, time: 0n, linkType: 113, bytes: counting(16), originalLength: 40 },
      { number: 4, time: 0n, linkType: 113, bytes: counting(3), originalLength: 3 },
      { number: 5, time: 7n, linkType: 101, bytes, originalLength: 21 },
    ]);
  });
});

test('the position of a packet is that of its block', async () => {
  const { packets } = await read(interfaceOf(), enhanced({ bytes }), enhanced({ bytes }));
  // A section header of 28 bytes, an interface of 32, a packet of 56.
  expect(packets.map(({ position }) => position)).toEqual([60, 116]);
});

test('every section has its own byte order and its own interfaces', async () => {
  const { packets, fault } = await read(
    section({ bigEndian: true }),
    interfaceOf({ linkType: 1 }),
    interfaceOf({ linkType: 2 }),
    enhanced({ bytes, interfaceId: 1 }),
    section({ bigEndian: false, length: 1n }),
    interfaceOf({ linkType: 3 }),
    enhanced({ bytes }),
    section({ bigEndian: true, length: 0n }),
    enhanced({ bytes }),
  );
  expect(packets.map(({ number, linkType }) => [number, linkType])).toEqual([
    [1, 2],
    [2, 3],
  ]);
  expect(fault).toMatchObject({ code: 'damaged', after: 2 });
  expect(fault!.message).toContain('a packet of interface 0, where the section has described 0');
});

describe('a clock', () => {
  const timeOf = async (units: bigint, resolution?: number, offset?: bigint): Promise<bigint> => {
    const options = {
      ...(resolution === undefined ? {} : { resolution }),
      ...(offset === undefined ? {} : { offset }),
    };
    const { packets, fault } = await read(interfaceOf(options), enhanced({ bytes, units }));
    expect(fault).toBeNull();
    return packets[0]!.time;
  };
  const ALL = 2n ** 64n - 1n;

  test('the clock of a pcapng interface counts microseconds unless the interface says otherwise', async () => {
    expect(await timeOf(1_700_000_000_123_456n)).toBe(1_700_000_000_123_456_000n);
    expect(await timeOf(2n ** 53n - 1n)).toBe((2n ** 53n - 1n) * 1000n);
    expect(await timeOf(2n ** 53n)).toBe(2n ** 53n * 1000n);
    expect(await timeOf(ALL)).toBe(ALL * 1000n);
  });

  test.each([0, 1, 3, 6, 8, 9, 10, 12, 19, 20, 127])(
    'the clock of a pcapng interface counts 10^-%i seconds exactly',
    async (exponent) => {
      for (const units of [0n, 1n, 1_700_000_000_123_456_789n, ALL]) {
        expect(await timeOf(units, exponent)).toBe((units * 1_000_000_000n) / 10n ** BigInt(exponent));
      }
    },
  );

  test.each([0, 1, 10, 20, 32, 63, 64, 127])(
    'the clock of a pcapng interface counts 2^-%i seconds exactly',
    async (exponent) => {
      for (const units of [0n, 1n, (1_700_000_000n << 32n) + 123_456_789n, ALL]) {
        expect(await timeOf(units, 0x80 | exponent)).toBe((units * 1_000_000_000n) / 2n ** BigInt(exponent));
      }
    },
  );

  test('the clock of a pcapng interface has an offset in seconds that may be negative', async () => {
    expect(await timeOf(5n, undefined, 100n)).toBe(100_000_005_000n);
    expect(await timeOf(5n, 9, -100n)).toBe(-99_999_999_995n);
    expect(await timeOf(3n << 20n, 0x80 | 20, -2n)).toBe(1_000_000_000n);
  });
});

describe('blocks without packets', () => {
  const others: readonly Block[] = [
    block(4, counting(40)), // names (NRB)
    block(5, counting(12)), // statistics (ISB)
    block(10, counting(8)), // secrets (DSB)
    block(0x0bad, counting(33)), // custom
    block(0x4000_0bad, counting(4)),
    block(0xffff_ffff, new Uint8Array(0)),
    block(0, new Uint8Array(100_000)),
  ];

  test('blocks without packets are passed over wherever they stand, however the input is cut', async () => {
    const whole = pcapngBytes([...others, interfaceOf(), ...others, enhanced({ bytes }), ...others]);
    for (const size of [1, 7, 4096, whole.length]) {
      const lengths = new Array(Math.floor(whole.length / size)).fill(size);
      const { packets, fault } = await readCapture(inBlocks(whole, lengths));
      expect(fault).toBeNull();
      expect(packets.map((packet) => packet.bytes)).toEqual([bytes]);
    }
  });

  test('blocks without packets whose two lengths differ are damage where they begin, however the input is cut', async () => {
    const whole = pcapngBytes([
      interfaceOf(),
      enhanced({ bytes }),
      { ...block(5, counting(100)), lengths: [112, 100] },
      enhanced({ bytes }),
    ]);
    for (const size of [1, 13, whole.length]) {
      const lengths = new Array(Math.floor(whole.length / size)).fill(size);
      const { packets, fault } = await readCapture(inBlocks(whole, lengths));
      expect(packets).toHaveLength(1);
      expect(fault).toMatchObject({
        code: 'damaged',
        message: 'test: at byte 116: a block whose length is 112 at its beginning and 100 at its end',
        position: 116,
        after: 1,
      });
    }
  });
});

test('lengths that leave the padding out are understood, as Wireshark does', async () => {
  const { packets, fault } = await read(
    interfaceOf(),
    { ...enhanced({ bytes }), lengths: [53, 53] },
    { ...block(5, counting(21)), lengths: [33, 33] },
    { ...enhanced({ bytes }), lengths: [53, 56] },
  );
  expect(fault).toBeNull();
  expect(packets.map((packet) => packet.bytes)).toEqual([bytes, bytes]);
});

describe('damage is reported with its position, after everything before it', () => {
  const damages: readonly (readonly [name: string, damaged: Block, says: string])[] = [
    ['a block shorter than any', { ...block(5, counting(4)), lengths: [8, 8] }, 'that is 8 bytes long'],
    ['a packet block shorter than any', block(6, counting(16)), 'an enhanced packet block that is 28 bytes'],
    ['a packet block longer than any', { ...block(6, counting(32)), lengths: [2 ** 31, 44] }, 'is the most'],
    ['an end that differs', { ...enhanced({ bytes }), lengths: [56, 60] }, '56 at its beginning and 60'],
    ['an interface that is not there', enhanced({ bytes, interfaceId: 2 }), 'a packet of interface 2'],
    ['an old packet of no interface', obsolete({ bytes, interfaceId: 0xffff }), 'interface 65535'],
    ['a packet longer than its block', simple(counting(4), 400), 'a packet of 400 bytes in a block'],
    ['a section of another version', section({ version: [2, 0] }), 'version 2.0'],
    ['an option that is too long', block(1, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 9, 0)), 'an option'],
    [
      'a resolution of two bytes',
      block(1, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 0, 6, 0, 0, 0)),
      'if_tsresol of 2 bytes',
    ],
    [
      'an offset of four bytes',
      block(1, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 14, 0, 4, 0, 6, 0, 0, 0)),
      'if_tsoffset of 4 bytes',
    ],
  ];

  test.each(damages)('damage is reported with its position: %s', async (_, damaged, says) => {
    const { packets, fault } = await read(interfaceOf(), enhanced({ bytes }), damaged, enhanced({ bytes }));
    expect(packets).toHaveLength(1);
    expect(fault).toMatchObject({ code: 'damaged', position: 116, after: 1 });
    expect(fault!.message).toContain('at byte 116: ');
    expect(fault!.message).toContain(says);
  });

  test('an enhanced packet longer than its block is damage', async () => {
    const whole = pcapngBytes([interfaceOf(), enhanced({ bytes }), enhanced({ bytes })]);
    new DataView(whole.buffer).setUint32(116 + 20, 25, true);
    const { packets, fault } = await readCapture(captureOf(whole));
    expect(packets).toHaveLength(1);
    expect(fault!.message).toContain('a packet of 25 bytes in a block that has room for 24');
  });

  test('a section header with a byte order of its own invention is damage', async () => {
    const whole = pcapngBytes([interfaceOf(), enhanced({ bytes }), section()]);
    new DataView(whole.buffer).setUint32(116 + 8, 0x12345678);
    const { packets, fault } = await readCapture(captureOf(whole));
    expect(packets).toHaveLength(1);
    expect(fault).toMatchObject({ code: 'damaged', position: 116 });
    expect(fault!.message).toContain('byte-order magic');
  });

  test('more interfaces in a section than are read is damage', async () => {
    const { fault } = await read(...new Array(65_537).fill(interfaceOf()));
    expect(fault!.message).toContain('more interfaces than 65536');
  });
});
