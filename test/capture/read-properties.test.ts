/** Laws of reading: of any file, cut anywhere, ended anywhere, damaged anywhere. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { captureOf } from '../../src/capture/capture.ts';
import {
  type Block,
  block,
  enhanced,
  interfaceOf,
  obsolete,
  pcapBytes,
  pcapngBytes,
  section,
  simple,
} from '../support/captures/capture-bytes.ts';
import { inBlocks, readCapture } from '../support/captures/read-capture.ts';

/** A file, and where each of its records begins and ends. */
interface Sample {
  readonly bytes: Uint8Array;
  readonly ends: readonly number[];
}

const content = fc.uint8Array({ maxLength: 90 });

const pcap: fc.Arbitrary<Sample> = fc
  .record({
    packets: fc.array(
      fc.record({ bytes: content, time: fc.bigInt({ min: 0n, max: 4_294_967_295_999_999_999n }) }),
      { maxLength: 8 },
    ),
    nano: fc.boolean(),
    bigEndian: fc.boolean(),
    kuznetzov: fc.boolean(),
  })
  .map((file) => {
    let end = 24;
    const ends = file.packets.map(({ bytes }) => {
      end += (file.kuznetzov ? 24 : 16) + bytes.length;
      return end;
    });
    return { bytes: pcapBytes(file), ends: [24, ...ends] };
  });

const units = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const anyBlock: fc.Arbitrary<Block> = fc.oneof(
  fc.record({ bytes: content, units, interfaceId: fc.constantFrom(0, 1) }).map(enhanced),
  fc.record({ bytes: content, units }).map(obsolete),
  content.map((bytes) => simple(bytes)),
  fc.tuple(fc.integer({ min: 7, max: 0xfff }), content).map(([type, body]) => block(type, body)),
  fc.record({ resolution: fc.integer({ min: 0, max: 255 }) }).map(interfaceOf),
);

const sectionOf = fc
  .record({ bigEndian: fc.boolean(), blocks: fc.array(anyBlock, { maxLength: 6 }) })
  .map(({ bigEndian, blocks }) => [section({ bigEndian }), interfaceOf(), interfaceOf(), ...blocks]);

const pcapng: fc.Arbitrary<Sample> = fc
  .array(sectionOf, { minLength: 1, maxLength: 3 })
  .map((sections): Sample => {
    const blocks = sections.flat();
    let end = 0;
    const ends = blocks.map((each) => {
      end += 12 + Math.ceil(each.body(false).length / 4) * 4;
      return end;
    });
    return { bytes: pcapngBytes(blocks), ends };
  });

describe.each([
  ['pcap', pcap],
  ['pcapng', pcapng],
] as const)('%s', (_, sample) => {
  property.prop([sample, fc.array(fc.integer({ min: 0, max: 120 }))])(
    'any cut of the file into blocks has the same packets',
    async ({ bytes }, lengths) => {
      const whole = await readCapture(captureOf(bytes));
      const cut = await readCapture(inBlocks(bytes, lengths));
      expect(whole.fault).toBeNull();
      expect(cut.fault).toBeNull();
      expect(cut.packets).toEqual(whole.packets);
      expect(cut.batches).not.toContain(0);
      expect(cut.batches.length).toBeLessThanOrEqual(lengths.length + 1);
    },
  );

  property.prop([sample, fc.double({ min: 0, max: 1, noNaN: true }), fc.array(fc.nat(40))])(
    'a file that ends anywhere has its whole packets, and a fault unless it ends between two records',
    async ({ bytes, ends }, where, lengths) => {
      const end = Math.round(where * bytes.length);
      const whole = await readCapture(captureOf(bytes));
      const { packets, fault } = await readCapture(inBlocks(bytes.subarray(0, end), lengths));
      const last = ends.findLast((each) => each <= end) ?? 0;
      expect(packets).toEqual(whole.packets.filter(({ position }) => position < last));
      if (end < 4) expect(fault).toMatchObject({ code: 'not-a-capture', position: 0, after: 0 });
      else if (last === end) expect(fault).toBeNull();
      else expect(fault).toMatchObject({ code: 'truncated', position: last, after: packets.length });
    },
  );

  property.prop([
    sample,
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 20 }),
    fc.array(fc.nat(200)),
  ])(
    'damage ends with a fault or with packets, never with anything else, and is the same for any cut',
    async ({ bytes }, changes, lengths) => {
      const damaged = bytes.slice();
      for (const [at, value] of changes) damaged[at % damaged.length] = value;
      // Whatever is thrown that is no fault is thrown on.
      const { packets, fault } = await readCapture(captureOf(damaged, 'test'));
      expect(await readCapture(inBlocks(damaged, lengths))).toMatchObject({ packets, fault });
      expect(fault?.after ?? packets.length).toBe(packets.length);
      for (const { bytes: kept, originalLength } of packets) {
        expect(originalLength).toBeGreaterThanOrEqual(kept.length);
      }
    },
  );
});

property.prop([fc.uint8Array({ maxLength: 400 }), fc.constantFrom('pcap', 'pcapng')])(
  'noise after the beginning of a file ends with a fault or with packets',
  async (noise, format) => {
    const head = format === 'pcap' ? pcapBytes({ packets: [] }) : pcapngBytes([interfaceOf()]);
    const { packets, fault } = await readCapture(inBlocks(Buffer.concat([head, noise]), [noise.length]));
    expect(fault?.after ?? packets.length).toBe(packets.length);
  },
);
