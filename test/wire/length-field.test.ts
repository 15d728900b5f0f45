import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { encodeFrame } from '../../src/wire/enframe.ts';
import type { ParsedHead } from '../../src/wire/framing.ts';
import { encodeLength } from '../../src/wire/length-codec.ts';
import { lengthField, type Prefix } from '../../src/wire/length-field.ts';
import type { LengthFieldOptions } from '../../src/wire/length-options.ts';
import { cases } from '../support/random/cases.ts';
import { everyLayout, layouts, lengthsAround } from './layouts.ts';
import { ascii, bytesOf, eventsOf, tell } from './stream.ts';

const leadOf = ({ offset = 0 }: LengthFieldOptions) => Uint8Array.from({ length: offset }, (_, i) => 255 - i);

/** What the decoder makes of a prefix: the opened frame, the code of what is wrong, or that it wants more bytes. */
function decoded(options: LengthFieldOptions, prefix: Uint8Array): ParsedHead<Prefix> | string {
  const framing = lengthField(options);
  const size = framing.headLength(prefix, 0, prefix.length);
  if (typeof size !== 'number') return size.code;
  if (size !== prefix.length) return `${size} bytes, not ${prefix.length}`;
  const opened = framing.parseHead(prefix, 0, size);
  return 'code' in opened ? opened.code : opened;
}

/** The bytes of a fixed-width field for a body of this length, by arithmetic of its own; null when none can be. */
function byHand(options: LengthFieldOptions, length: number): Uint8Array | null {
  const { width, endian, signed, offset = 0, counts, adjustment = 0 } = options;
  if (width === 'varint') throw new Error('not for varints');
  const overhead = counts === 'field' ? width : counts === 'frame' ? offset + width : 0;
  const value = BigInt(length) + BigInt(overhead) - BigInt(adjustment);
  const bits = BigInt(8 * width);
  const [least, most] = signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
  if (value < least || value > most) return null;
  const digits = BigInt.asUintN(8 * width, value)
    .toString(16)
    .padStart(2 * width, '0')
    .match(/../g)!;
  const field = digits.map((pair) => Number.parseInt(pair, 16));
  return Uint8Array.from([...leadOf(options), ...(endian === 'little' ? field.reverse() : field)]);
}

describe('encode and decode are inverses', () => {
  const lengths = [
    0,
    1,
    2,
    19,
    20,
    21,
    100,
    126,
    127,
    128,
    129,
    254,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    2 ** 24,
  ];
  const large = [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER];

  test('encode and decode are inverses for every configuration of the grid and every length in it', () => {
    let accepted = 0;
    for (const options of everyLayout(Number.MAX_SAFE_INTEGER)) {
      for (const length of [...lengths, ...large]) {
        const encoded = encodeLength(options, length, leadOf(options));
        if (!encoded.ok) continue;
        accepted++;
        const opened = decoded(options, encoded.bytes);
        const said = `${JSON.stringify(options)}, length ${length}`;
        expect(opened, said).toMatchObject({ length, header: { lead: leadOf(options) } });
        if (options.width !== 'varint')
          expect([...encoded.bytes], said).toEqual([...byHand(options, length)!]);
      }
    }
    expect(accepted).toBeGreaterThan(10_000);
  });

  test.prop([layouts, fc.uint8Array({ maxLength: 200 })], { numRuns: cases(500) })(
    'encode and decode are inverses with arbitrary bodies',
    (options, body) => {
      const encoded = encodeFrame(options, body, leadOf(options));
      if (!encoded.ok) return;
      const told = tell(eventsOf(lengthField({ ...options, maxWhole: 200 }), [encoded.bytes]));
      expect(told).toMatchObject([{ delivery: 'whole', body: [...body], position: 0 }]);
      expect(encoded.bytes.buffer.byteLength).toBe(encoded.bytes.length);
    },
  );
});

describe('the encoder refuses exactly what the decoder refuses', () => {
  const around = fc.tuple(layouts, lengthsAround(), fc.integer({ min: -3, max: 3 }), fc.boolean());
  // Half the time a length about the limit of the configuration itself.
  const lengths = around.map(([options, length, by, atLimit]) => ({
    options,
    length: atLimit ? Math.max(0, Math.min(options.maxLength + by, Number.MAX_SAFE_INTEGER)) : length,
  }));

  test.prop([lengths], { numRuns: cases(1_250) })(
    'the encoder and the decoder agree on lengths: what is refused, the decoder refuses too',
    ({ options, length }) => {
      const encoded = encodeLength(options, length, leadOf(options));
      if (encoded.ok) {
        expect(decoded(options, encoded.bytes)).toMatchObject({ length });
        return;
      }
      const { declared, code } = encoded.fault;
      expect([declared, code.startsWith('length-')]).toEqual([length, true]);
      if (options.width === 'varint') return;
      const bytes = byHand(options, length);
      if (bytes !== null) expect(decoded(options, bytes)).toMatch(/^length-/);
    },
  );

  test.prop([layouts, fc.uint8Array({ minLength: 10, maxLength: 10 }), fc.nat(9)], { numRuns: cases(1_250) })(
    'the encoder and the decoder agree on bytes: what the decoder accepts, the encoder accepts, and says in as many bytes or fewer',
    (options, noise, zeros) => {
      const { width } = options;
      // With leading zeros in either order, so that small values in wide fields occur.
      const field = noise.slice(0, width === 'varint' ? 10 : width).map((byte, i, all) => {
        if (width === 'varint') return i < zeros ? byte | 0x80 : byte & 0x7f;
        return (options.endian === 'little' ? all.length - 1 - i : i) < zeros ? 0 : byte;
      });
      const size = width === 'varint' ? Math.min(zeros + 1, 10) : width;
      const prefix = Uint8Array.from([...leadOf(options), ...field.slice(0, size)]);
      const opened = decoded(options, prefix);
      if (typeof opened === 'string') return;
      const encoded = encodeLength(options, opened.length, leadOf(options));
      if (!encoded.ok) throw new Error(encoded.fault.message);
      expect(encoded.bytes.length).toBeLessThanOrEqual(prefix.length);
      if (width !== 'varint') expect([...encoded.bytes]).toEqual([...prefix]);
    },
  );

  test('a varint that counts itself is right on both sides of the places where it grows', () => {
    for (const counts of ['body', 'field', 'frame'] as const) {
      for (const adjustment of [-3, 0, 1, 2, 5, 126, 127, 128, 16384]) {
        const options: LengthFieldOptions = {
          width: 'varint',
          maxVarint: 3,
          offset: 1,
          counts,
          adjustment,
          maxLength: 2 ** 22,
        };
        const tried = [...Array(400).keys(), ...Array.from({ length: 400 }, (_, i) => 16384 - 200 + i)];
        for (const length of [...tried, ...Array.from({ length: 200 }, (_, i) => 2 ** 21 - 100 + i)]) {
          const encoded = encodeLength(options, length, bytesOf(0));
          // Some size of varint says it, or none does.
          const sayable = [1, 2, 3].some((size) => {
            const own = counts === 'body' ? 0 : counts === 'field' ? size : size + 1;
            const value = length + own - adjustment;
            return value >= 0 && value < 128 ** size;
          });
          expect(encoded.ok, `${counts} ${adjustment} ${length}`).toBe(sayable);
          if (encoded.ok) expect(decoded(options, encoded.bytes)).toMatchObject({ length });
        }
      }
    }
  });

  test.each([
    [-1, 'length-negative'],
    [1.5, 'body-length-invalid'],
    [Number.NaN, 'body-length-invalid'],
    [Number.POSITIVE_INFINITY, 'length-too-large'],
    [2 ** 53, 'length-too-large'],
    [256, 'length-too-large'],
    [-0.5, 'length-negative'],
  ])('a length of %d is refused: %s', (length, code) => {
    const encoded = encodeLength({ width: 1, maxLength: Number.MAX_SAFE_INTEGER }, length);
    expect(encoded).toMatchObject({ ok: false, fault: { code: code } });
  });

  const notLengths = fc.oneof(
    fc.constantFrom(
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      Number.MAX_VALUE,
      2 ** 53,
    ),
    fc.double().filter((value) => !Number.isInteger(value) || value < 0),
  );
  test.prop([layouts, notLengths])(
    'what is no length is refused under every layout, with a value that says so',
    (options, length) => {
      const encoded = encodeLength(options, length, leadOf(options));
      const code =
        length < 0
          ? 'length-negative'
          : length > options.maxLength
            ? 'length-too-large'
            : 'body-length-invalid';
      expect(encoded).toMatchObject({ ok: false, fault: { code: code, declared: length } });
    },
  );

  test('a lead of another length than the offset is refused', () => {
    const options: LengthFieldOptions = { width: 2, offset: 2, maxLength: 10 };
    for (const lead of [bytesOf(), bytesOf(1), bytesOf(1, 2, 3)]) {
      expect(encodeFrame(options, ascii('a'), lead)).toMatchObject({
        fault: { code: 'header-invalid', limit: 2 },
      });
    }
  });

  test('the limit said is the nearer of the maximum and what the field can hold', () => {
    expect(encodeLength({ width: 1, maxLength: 1000 }, 300)).toMatchObject({ fault: { limit: 255 } });
    expect(encodeLength({ width: 1, signed: true, maxLength: 1000 }, 300)).toMatchObject({
      fault: { limit: 127 },
    });
    expect(encodeLength({ width: 1, counts: 'field', maxLength: 1000 }, 255)).toMatchObject({
      fault: { limit: 254 },
    });
    expect(encodeLength({ width: 1, maxLength: 100 }, 300)).toMatchObject({ fault: { limit: 100 } });
  });
});

describe('protocols as they are on the wire', () => {
  const cases: [string, LengthFieldOptions, number[], number[], number[]][] = [
    [
      'a PostgreSQL query',
      { width: 4, offset: 1, counts: 'field', maxLength: 100 },
      [0x51],
      [0, 0, 0, 6],
      [0x61, 0],
    ],
    [
      'a MySQL packet',
      { width: 3, endian: 'little', adjustment: 1, maxLength: 100 },
      [],
      [2, 0, 0],
      [0, 0x61, 0x62],
    ],
    [
      'a BGP keepalive',
      { width: 2, offset: 16, counts: 'frame', maxLength: 4078 },
      Array(16).fill(255),
      [0, 19],
      [4],
    ],
    ['an MQTT ping', { width: 'varint', offset: 1, maxVarint: 4, maxLength: 2 ** 28 - 1 }, [0xc0], [0], []],
    [
      'Protocol Buffers, 300 bytes',
      { width: 'varint', maxLength: 1000 },
      [],
      [0xac, 0x02],
      Array(300).fill(1),
    ],
    ['HTTP/2 settings', { width: 3, adjustment: 6, maxLength: 16390 }, [], [0, 0, 0], [4, 0, 0, 0, 0, 0]],
  ];

  test.each(cases)('a length field reads the head of %s', (_, options, lead, field, body) => {
    const wire = Uint8Array.from([...lead, ...field, ...body]);
    const told = tell(eventsOf(lengthField(options), [wire]));
    expect(told).toMatchObject([
      { body, header: { lead: Uint8Array.from(lead) }, head: lead.length + field.length },
    ]);
    expect(encodeFrame(options, Uint8Array.from(body), Uint8Array.from(lead))).toEqual({
      ok: true,
      bytes: wire,
    });
  });
});

describe('headLength', () => {
  test('headLength asks for what it must see next, and checks the limit as soon as the length is there', () => {
    const framing = lengthField({ width: 2, offset: 1, maxLength: 10 });
    expect(framing.headLength(bytesOf(), 0, 0)).toBe(3);
    expect(framing.headLength(bytesOf(9, 0, 10), 0, 2)).toBe(3);
    expect(framing.headLength(bytesOf(9, 0, 10), 0, 3)).toBe(3);
    expect(framing.headLength(bytesOf(9, 0, 11), 0, 3)).toMatchObject({ code: 'length-too-large' });
  });

  test('headLength asks for a varint byte by byte', () => {
    const framing = lengthField({ width: 'varint', offset: 1, maxLength: 1000 });
    const bytes = bytesOf(0xff, 0x80, 0x80, 0x01);
    expect([0, 1, 2, 3].map((end) => framing.headLength(bytes, 0, end))).toEqual([2, 2, 3, 4]);
    expect(framing.headLength(bytes, 0, 4)).toMatchObject({ code: 'length-too-large', declared: 16384 });
    expect(framing.headLength(bytesOf(0xff, 0x05, 0xff), 0, 3)).toBe(2);
  });
});

describe('options', () => {
  test.each<Record<string, unknown>>([
    { width: 5 },
    { width: 0 },
    { width: 'varint', signed: true },
    { width: 'varint', maxVarint: 11 },
    { width: 'varint', maxVarint: 0 },
    { endian: 'middle' },
    { offset: -1 },
    { offset: 65_537 },
    { offset: 0.5 },
    { counts: 'all' },
    { adjustment: 0.5 },
    { adjustment: Number.NaN },
    { maxLength: -1 },
    { maxLength: 2 ** 53 },
    { maxLength: Number.POSITIVE_INFINITY },
    { maxLength: undefined },
    { maxWhole: -1 },
  ])('the options %o are refused at once', (wrong) => {
    const options = { width: 4, maxLength: 10, ...wrong } as LengthFieldOptions;
    expect(() => lengthField(options)).toThrow(RangeError);
  });

  test('by default bodies are whole, up to 1 MiB or the maximum', () => {
    expect(lengthField({ width: 4, maxLength: 2 ** 30 }).maxWhole).toBe(2 ** 20);
    expect(lengthField({ width: 4, maxLength: 10 }).maxWhole).toBe(10);
    expect(decoded({ width: 1, maxLength: 10 }, bytesOf(3))).toMatchObject({ delivery: 'whole' });
  });

  test('the delivery is asked with the prefix and the length of the body', () => {
    const asked: unknown[] = [];
    const delivery = (...args: unknown[]) => {
      asked.push(args);
      return 'skip' as const;
    };
    decoded({ width: 1, offset: 2, counts: 'frame', maxLength: 10, delivery }, bytesOf(8, 9, 7));
    expect(asked).toEqual([[{ value: 7, lead: bytesOf(8, 9) }, 4]]);
  });
});
