import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { initialDeframeState, step } from '../../src/wire/deframe/deframe-step.ts';
import { headFault } from '../../src/wire/fault.ts';
import {
  encodeJsonHeader,
  type JsonHeader,
  type JsonHeaderOptions,
  jsonHeader,
} from '../../src/wire/json-header.ts';
import { cases } from '../support/random/cases.ts';
import { ascii, byteByByte, bytesOf, concat, cutAt, cuts, eventsOf, tell } from './stream.ts';

const options: JsonHeaderOptions = { bodyLength: (header) => Number(header.size ?? 0) };
const framing = jsonHeader(options);
const utf8 = (text: string) => new TextEncoder().encode(text);

/** The header text on the wire, with the right length, whatever it is. */
function raw(json: Uint8Array | string): Uint8Array {
  const bytes = typeof json === 'string' ? utf8(json) : json;
  const prefix = new Uint8Array(4);
  new DataView(prefix.buffer).setInt32(0, bytes.length, true);
  return concat(prefix, bytes);
}

function encoded(header: JsonHeader, maxHeader?: number): Uint8Array {
  const result = encodeJsonHeader(header, maxHeader);
  if (!result.ok) throw new Error(result.fault.message);
  return result.bytes;
}

const problemOf = (header: JsonHeader, maxHeader?: number) => {
  const result = encodeJsonHeader(header, maxHeader);
  return result.ok ? null : result.fault.code;
};

// What survives JSON: -0 becomes 0, and undefined is left out.
const headers = fc
  .dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' }), {
    maxKeys: 5,
    noNullPrototype: true,
  })
  .map((header) => JSON.parse(JSON.stringify(header)) as JsonHeader);

describe('any chunking of any sequence of frames gives the same frames', () => {
  const frames = fc.array(fc.record({ header: headers, body: fc.uint8Array({ maxLength: 60 }) }), {
    maxLength: 5,
  });

  test.prop([frames, cuts], { numRuns: cases(250) })('with any header and body', (sent, places) => {
    const sized = sent.map(({ header, body }) => ({ header: { ...header, size: body.length }, body }));
    const stream = concat(...sized.flatMap(({ header, body }) => [encoded(header), body]));
    const told = tell(eventsOf(framing, cutAt(stream, places)));
    expect(told.map((it) => 'body' in it && [it.header, it.body, it.delivery, it.ended])).toEqual(
      sized.map(({ header, body }) => [header, [...body], 'stream', true]),
    );
  });

  test('a sequence of frames gives the same frames at every split point, in a multi-byte character too', () => {
    const stream = concat(encoded({ name: 'né文😀', size: 2 }), ascii('ab'), encoded({}));
    const whole = tell(eventsOf(framing, [stream]));
    expect(whole).toMatchObject([
      { header: { name: 'né文😀' }, body: [97, 98] },
      { header: {}, length: 0 },
    ]);
    for (let i = 0; i <= stream.length; i++)
      expect(tell(eventsOf(framing, cutAt(stream, [i])))).toEqual(whole);
    expect(tell(eventsOf(framing, byteByByte(stream)))).toEqual(whole);
  });
});

describe('what a header may be', () => {
  const codeOf = (wire: Uint8Array, using = framing) => {
    const codes = [[wire], byteByByte(wire)].map((chunks) => {
      const last = eventsOf(using, chunks).at(-1);
      return last?.type === 'fault' ? last.fault.code : last?.type;
    });
    expect(codes[0]).toBe(codes[1]);
    return codes[0];
  };

  test('the bytes of a plain script are a header', () => {
    const wire = concat(
      bytesOf(0x2a, 0, 0, 0),
      ascii('{"cmd": "put", "filename": "a", "size": 3}'),
      ascii('xyz'),
    );
    expect(tell(eventsOf(framing, [wire]))).toMatchObject([
      { header: { cmd: 'put', filename: 'a', size: 3 }, head: 46, body: [...ascii('xyz')] },
    ]);
  });

  test.each([
    ['a negative length', bytesOf(0xff, 0xff, 0xff, 0xff), 'length-negative'],
    ['2^31', bytesOf(0, 0, 0, 0x80), 'length-negative'],
    ['2^31 - 1', bytesOf(0xff, 0xff, 0xff, 0x7f), 'length-too-large'],
    ['no bytes', bytesOf(0, 0, 0, 0), 'header-empty'],
    ['one over the limit', bytesOf(1, 0, 1, 0), 'length-too-large'],
    ['an array', raw('[]'), 'header-invalid'],
    ['null', raw('null'), 'header-invalid'],
    ['a number', raw('12'), 'header-invalid'],
    ['a string', raw('"{}"'), 'header-invalid'],
    ['half an object', raw('{"a":'), 'header-invalid'],
    ['two objects', raw('{}{}'), 'header-invalid'],
    ['a byte order mark', raw(bytesOf(0xef, 0xbb, 0xbf, 0x7b, 0x7d)), 'header-invalid'],
    ['a stray continuation byte', raw(bytesOf(0x7b, 0x22, 0x80, 0x22, 0x3a, 0x31, 0x7d)), 'header-invalid'],
    ['an overlong encoding', raw(bytesOf(0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d)), 'header-invalid'],
    [
      'a surrogate in UTF-8',
      raw(bytesOf(0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d)),
      'header-invalid',
    ],
    ['a character cut off by the end', raw(bytesOf(0x7b, 0x7d, 0xe6, 0x96)), 'header-invalid'],
    ['an object', raw('{}'), 'end'],
    ['an object in white space', raw(' \n{} '), 'end'],
    ['a field named code', raw('{"code":"x","value":1}'), 'end'],
    ['a field named __proto__', raw('{"__proto__":{"size":5}}'), 'end'],
  ])('a header of %s is read, or is the right fault', (_, wire, outcome) => {
    expect(codeOf(wire)).toBe(outcome);
  });

  test('a deeply nested header is read or refused, and does not overflow the stack', () => {
    expect(codeOf(raw('['.repeat(60_000)))).toBe('header-invalid');
    expect(['end', 'header-invalid']).toContain(
      codeOf(raw(`{"a":${'['.repeat(32_000)}${']'.repeat(32_000)}}`)),
    );
  });

  test('a header of exactly the limit is read', () => {
    const header = { pad: 'x'.repeat(65_536 - 10) };
    expect(encoded(header)).toHaveLength(4 + 65_536);
    expect(codeOf(encoded(header))).toBe('end');
    expect(problemOf({ pad: `${header.pad}x` })).toBe('length-too-large');
  });

  test('a bad header does not spoil the next connection, though the framing is shared', () => {
    for (let i = 0; i < 3; i++) {
      expect(codeOf(raw(bytesOf(0x7b, 0xe6)))).toBe('header-invalid');
      expect(codeOf(raw('{"a":"文"}'))).toBe('end');
    }
  });
});

describe('the length of the body', () => {
  const codeWith = (bodyLength: JsonHeaderOptions['bodyLength']) => {
    const { events } = step(jsonHeader({ bodyLength }), initialDeframeState<JsonHeader>(), raw('{}'));
    return events.map((event) => (event.type === 'fault' ? event.fault : event.type));
  };

  test.each([-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])(
    'the length of the body of %d is a fatal fault',
    (length) => {
      expect(codeWith(() => length)).toMatchObject([
        { code: 'body-length-invalid', fatal: true, declared: length },
      ]);
    },
  );

  test.each([
    ['text', '5'],
    ['an object', {}],
    ['nothing', null],
  ])(
    'the length of the body of a framing that answers %s is a fatal fault, and throws nothing',
    (_, length) => {
      expect(codeWith(() => length as unknown as number)).toMatchObject([
        { code: 'body-length-invalid', fatal: true },
      ]);
    },
  );

  test('the length of the body of 2^53 - 1 is a length', () => {
    expect(codeWith(() => 2 ** 53 - 1)).toEqual(['start']);
  });

  test('the length of the body may be refused in words, which are passed on', () => {
    const said = headFault('body-length-invalid', 'filesize is "many"');
    expect(codeWith(() => said)).toMatchObject([
      { code: 'body-length-invalid', message: 'filesize is "many"', fatal: true },
    ]);
  });

  test('the length of the body and the header decide how the body is handed on', () => {
    const mixed = jsonHeader({
      ...options,
      maxWhole: 2,
      delivery: (header, length) => (header.small === true && length > 0 ? 'whole' : 'skip'),
    });
    const stream = concat(
      ...[raw('{"small":true,"size":2}'), ascii('ab')],
      ...[raw('{"small":true,"size":3}'), ascii('abc')],
      ...[raw('{"size":1}'), ascii('z')],
    );
    expect(
      eventsOf(mixed, [stream])
        .map((event) => event.type)
        .join(' '),
    ).toBe('frame start fault end start end');
  });
});

describe('encodeJsonHeader', () => {
  test.prop([headers], { numRuns: cases(500) })(
    'encodeJsonHeader is what the decoder reads, in an array of its own size',
    (header) => {
      const bytes = encoded(header);
      expect(bytes.buffer.byteLength).toBe(bytes.length);
      expect([...bytes]).toEqual([...raw(JSON.stringify(header))]);
      expect(tell(eventsOf(jsonHeader({ bodyLength: () => 0 }), [bytes]))).toMatchObject([
        { length: 0, header },
      ]);
    },
  );

  test('encodeJsonHeader escapes half a surrogate pair, so it is always valid UTF-8', () => {
    expect(tell(eventsOf(framing, [encoded({ a: '\ud800', b: '\udc00x' })]))).toMatchObject([
      { header: { a: '\ud800', b: '\udc00x' } },
    ]);
  });

  test('encodeJsonHeader refuses what the decoder refuses: too large, or no object', () => {
    expect(problemOf({})).toBe(null);
    expect(problemOf({}, 2)).toBe(null);
    expect(problemOf({ a: 1 }, 6)).toBe('length-too-large');
    expect(problemOf({ a: 1 }, 7)).toBe(null);
    expect(problemOf({ é: 1 }, 7)).toBe('length-too-large');
    expect(problemOf([] as unknown as JsonHeader)).toBe('header-invalid');
    expect(problemOf(null as unknown as JsonHeader)).toBe('header-invalid');
    expect(problemOf(undefined as unknown as JsonHeader)).toBe('header-invalid');
    expect(problemOf({ toJSON: () => [1] })).toBe('header-invalid');
    expect(problemOf({ a: 1n })).toBe('header-invalid');
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(problemOf(cycle)).toBe('header-invalid');
  });

  test.each([0, 1, 2 ** 31, 1.5])('a limit of %d is a mistake in the program', (maxHeader) => {
    expect(() => encodeJsonHeader({}, maxHeader)).toThrow(RangeError);
    expect(() => jsonHeader({ ...options, maxHeader })).toThrow(RangeError);
  });
});
