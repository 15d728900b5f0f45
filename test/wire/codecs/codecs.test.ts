/** The laws that every codec keeps: what is decoded does not depend on the chunks, and decodes what it has encoded. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import type { Codec, Decoded } from '../../../src/wire/codec.ts';
import { delimited } from '../../../src/wire/codecs/delimited.ts';
import { dnsMessages } from '../../../src/wire/codecs/dns-messages.ts';
import { lines } from '../../../src/wire/codecs/lines.ts';
import { MessageFault } from '../../../src/wire/codecs/message-fault.ts';
import { jsonMessages, messages } from '../../../src/wire/codecs/messages.ts';
import { rawBytes } from '../../../src/wire/codecs/raw-bytes.ts';
import { textChunks } from '../../../src/wire/codecs/text-chunks.ts';
import { lengthField } from '../../../src/wire/length-field.ts';
import { cases } from '../../support/random/cases.ts';
import { ascii, byteByByte, bytesOf, concat, cutAt, cuts } from '../stream.ts';

/** What a stream in these chunks has, and its end. `most` things are decoded in a step. */
function decodedOf<In>(
  { decoder }: Codec<In, never, never>,
  chunks: readonly Uint8Array[],
  most = Number.POSITIVE_INFINITY,
): Decoded<In>[] {
  const all: Decoded<In>[] = [];
  let state: unknown = decoder.initial(0);
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const step = decoder.step(state, chunk, at, most);
      expect(step.at).toBeGreaterThan(at);
      if (Number.isFinite(most)) expect(step.decoded.length).toBeLessThanOrEqual(most);
      all.push(...(step.decoded as Decoded<In>[]));
      ({ state, at } = step);
    }
    // No message and no state may hold the chunk's memory, which is received into again.
    chunk.fill(0xee);
  }
  all.push(...(decoder.finish(state) as Decoded<In>[]));
  return all;
}

const summary = (decoded: readonly Decoded<unknown>[]): unknown[] =>
  decoded.map((each) =>
    each.type === 'message'
      ? { message: each.message, position: each.position }
      : { code: each.fault.code, position: each.fault.position, hex: each.fault.hex },
  );

const withoutHex = (all: readonly unknown[]) => all.map((each) => ({ ...(each as object), hex: undefined }));

const small = fc.uint8Array({ maxLength: 40 });
const notZero = fc
  .array(fc.integer({ min: 1, max: 255 }), { maxLength: 40 })
  .map((it) => Uint8Array.from(it));
const MAX = 64;

// biome-ignore lint/suspicious/noExplicitAny: messages of several types, each with its codec.
const codecs: readonly (readonly [name: string, codec: Codec<any>, message: fc.Arbitrary<any>])[] = [
  ['lengthField of 4 bytes', lengthField({ width: 4, maxLength: MAX }), small],
  [
    'lengthField of a varint',
    lengthField({ width: 'varint', maxLength: 20_000 }),
    fc.uint8Array({ maxLength: 300 }),
  ],
  [
    'lengthField behind a lead',
    lengthField({ width: 2, offset: 3, maxLength: MAX }),
    fc.record({ lead: fc.uint8Array({ minLength: 3, maxLength: 3 }), body: small }),
  ],
  ['dnsMessages', dnsMessages, fc.uint8Array({ minLength: 12, maxLength: 300 })],
  ['delimited by one byte', delimited(bytesOf(0), { maxLength: MAX }), notZero],
  ['delimited by several bytes', delimited(bytesOf(0, 0, 1, 0), { maxLength: MAX }), notZero],
  [
    'lines',
    lines({ maxLength: 400 }),
    fc.string({ unit: 'binary', maxLength: 40 }).filter((it) => !/[\n\r]|\p{Surrogate}/u.test(it)),
  ],
  [
    'jsonMessages',
    jsonMessages(lengthField({ width: 4, maxLength: 10_000 })),
    fc.json({ maxDepth: 2 }).map((it) => JSON.parse(it) as unknown),
  ],
];

describe.each(codecs)('%s', (name, codec, message) => {
  const encoded = (all: readonly unknown[]): Uint8Array =>
    concat(...all.flatMap((each) => [...codec.encode(each)]));

  property.prop([fc.array(message, { maxLength: 30 }), cuts, fc.integer({ min: 1, max: 5 })], {
    numRuns: cases(100),
  })(
    `${name}: what was encoded is decoded again, in any chunks and steps of any size`,
    (all, places, most) => {
      const stream = encoded(all);
      const expected = decodedOf(codec, [stream.slice()]);
      expect(expected.map((each) => each.type === 'message' && each.message)).toEqual(all);
      expect(summary(decodedOf(codec, cutAt(stream, places), most))).toEqual(summary(expected));
    },
  );

  property.prop([fc.uint8Array({ maxLength: 300 }), cuts], { numRuns: cases(100) })(
    `${name}: any bytes decode to the same, faults included, in any chunks`,
    (stream, places) => {
      const whole = summary(decodedOf(codec, [stream.slice()]));
      // The bytes that a fault shows are those that had come by then.
      expect(withoutHex(summary(decodedOf(codec, cutAt(stream, places))))).toEqual(withoutHex(whole));
    },
  );

  property.prop([fc.array(message, { maxLength: 10 }), cuts], { numRuns: cases(25) })(
    `${name}: it holds no more of an incomplete message than it says`,
    (all, places) => {
      const { decoder, heldMax } = codec;
      let state: unknown = decoder.initial(0);
      for (const chunk of cutAt(encoded(all), places)) {
        for (let at = 0; at < chunk.length; ) ({ state, at } = decoder.step(state, chunk, at, 1));
        expect(decoder.held(state)).toBeLessThanOrEqual(heldMax);
      }
    },
  );

  if (codec.direct !== undefined) {
    property.prop([message], { numRuns: cases(100) })(
      `${name}: a message is the same bytes whichever way it is encoded`,
      (each) => {
        const { sizeOf, write } = codec.direct!;
        const size = sizeOf(each);
        const target = new Uint8Array(size + 2);
        write(each, size, target, 1);
        expect(target.subarray(1, -1)).toEqual(concat(...codec.encode(each)));
      },
    );
  }
});

describe('lines', () => {
  const codec = lines({ maxLength: 5 });
  const textsOf = (text: string) => decodedOf(codec, byteByByte(ascii(text)));

  test('a line ends with LF or CRLF, and the last one with the stream', () => {
    expect(summary(textsOf('a\r\nb\n\nc'))).toMatchObject([
      { message: 'a' },
      { message: 'b' },
      { message: '' },
      { message: 'c' },
    ]);
  });

  test('a line that is too long is a fatal fault, wherever it is cut', () => {
    expect(textsOf('12345\n')).toMatchObject([{ message: '12345' }]);
    expect(textsOf('12345\r\n')).toMatchObject([{ message: '12345' }]);
    for (const text of ['123456\n', '1234567', 'ok\n1234567\nnext\n']) {
      for (const decoded of [textsOf(text), decodedOf(codec, [ascii(text)])])
        expect(decoded.at(-1)).toMatchObject({
          type: 'fault',
          fault: { code: 'length-too-large', fatal: true },
        });
    }
  });

  test('a line that is not UTF-8 is a fault, and the next one is found', () => {
    expect(decodedOf(codec, [concat(bytesOf(0xff), ascii('\nok\n'))])).toMatchObject([
      { type: 'fault', fault: { code: 'message-invalid', fatal: false, position: 0, hex: 'ff' } },
      { message: 'ok', position: 2 },
    ]);
  });

  test('a line that ends with CR cannot be sent: the peer would take the CR for a part of the line end', () => {
    for (const line of ['a\r', '\r', 'a\r\r'])
      expect(() => codec.encode(line)).toThrow(
        new RangeError(
          'a line must not end with a CR, which the peer would take for a part of the line end: ' +
            'send it without, since encode adds the line end itself',
        ),
      );
    expect(decodedOf(codec, codec.encode('a\rb').slice())).toMatchObject([{ message: 'a\rb' }]);
  });

  property.prop(
    [fc.array(fc.constantFrom(0x61, 0x0d, 0x0d, 0x0a), { maxLength: 30 }).map((it) => bytesOf(...it)), cuts],
    { numRuns: cases(300) },
  )('a line that is decoded can be sent on, and is the same line, however it was cut', (stream, places) => {
    const all = decodedOf(codec, cutAt(stream, places));
    expect(withoutHex(summary(all))).toEqual(withoutHex(summary(decodedOf(codec, [stream.slice()]))));
    for (const each of all) {
      if (each.type !== 'message') continue;
      expect(decodedOf(codec, codec.encode(each.message).slice())).toMatchObject([{ message: each.message }]);
    }
  });

  test('a line with a line end in it, or one that is too long, cannot be sent', () => {
    expect(() => codec.encode('a\nb')).toThrow(/line end/);
    expect(() => codec.encode('123456')).toThrow(/6 bytes, and the most is 5/);
  });
});

describe('dnsMessages', () => {
  test('a message without all of a header is a fatal fault, and cannot be sent', () => {
    expect(decodedOf(dnsMessages, [bytesOf(0, 11, 1, 2)])).toMatchObject([
      { type: 'fault', fault: { code: 'length-too-small', fatal: true, limit: 12 } },
    ]);
    expect(() => dnsMessages.encode(new Uint8Array(11))).toThrow(/the least is 12/);
    expect(() => dnsMessages.encode(new Uint8Array(65_536))).toThrow(/65536/);
  });
});

describe('textChunks', () => {
  const wholeText = (stream: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(stream);
  const messagesOf = (decoded: readonly Decoded<string>[]) =>
    decoded.map((each) => (each.type === 'message' ? each.message : each.fault.code));
  /** Bytes that begin characters, and those that may or may not go on with them. */
  const nearUtf8 = fc.array(
    fc.constantFrom(
      ...[0x61, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0],
      ...[0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff, 0xbb],
    ),
    { maxLength: 30 },
  );
  const streams = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }).map((text) => new TextEncoder().encode(text)),
    fc.uint8Array({ maxLength: 60 }),
    nearUtf8.map((them) => Uint8Array.from(them)),
  );

  property.prop([streams, cuts], { numRuns: cases(300) })(
    'the text of a stream is the same in any chunks, and no message is empty',
    (stream, places) => {
      for (const chunks of [cutAt(stream, places), byteByByte(stream)]) {
        const texts = messagesOf(decodedOf(textChunks, chunks));
        expect(texts.join('')).toBe(wholeText(stream));
        expect(texts).not.toContain('');
      }
    },
  );

  property.prop([streams, cuts], { numRuns: cases(100) })(
    'no more than a character waits, and a message is where its first byte is',
    (stream, places) => {
      const { decoder, heldMax } = textChunks;
      let state: unknown = decoder.initial(7);
      let taken = 7;
      let next = 7;
      for (const chunk of cutAt(stream, places)) {
        const step = decoder.step(state, chunk, 0, 1);
        taken += chunk.length;
        state = step.state;
        expect(decoder.position(state)).toBe(taken);
        expect(decoder.held(state)).toBeLessThanOrEqual(heldMax);
        for (const decoded of step.decoded) expect(decoded).toMatchObject({ position: next });
        next = taken - decoder.held(state);
      }
    },
  );

  test('a character that two chunks share waits for its second half', () => {
    const chunks = [ascii('a'), bytesOf(0xc3), bytesOf(0xa9), bytesOf(0xf0, 0x9f), bytesOf(0x98, 0x80, 0x62)];
    expect(messagesOf(decodedOf(textChunks, chunks))).toEqual(['a', 'é', '😀b']);
  });

  test('half a character at the end is U+FFFD, at the place of its first byte', () => {
    expect(summary(decodedOf(textChunks, [ascii('a'), bytesOf(0xe2, 0x82)]))).toEqual([
      { message: 'a', position: 0 },
      { message: '\ufffd', position: 1 },
    ]);
  });

  test('a text is encoded in UTF-8, and anything else is refused', () => {
    expect(textChunks.encode('größe')).toEqual([new TextEncoder().encode('größe')]);
    expect(() => textChunks.encode(7 as never)).toThrow(/a text must be a string/);
  });
});

test('bytes and textChunks hold no memory of a Buffer that they were given', () => {
  const memory = Buffer.from([0x61, 0x62, 0xe2]);
  const [raw] = rawBytes.decoder.step(0, memory, 1, 1).decoded;
  const { decoder } = textChunks;
  const { state } = decoder.step(decoder.initial(0), memory, 0, 1);
  memory.fill(0);
  expect(raw).toMatchObject({ message: bytesOf(0x62, 0xe2) });
  expect(decoder.step(state, bytesOf(0x82, 0xac), 0, 1).decoded).toMatchObject([{ message: '€' }]);
});

describe('delimited', () => {
  test('a delimiter that overlaps itself ends a message at its first place', () => {
    const codec = delimited(ascii('aab'), { maxLength: 10 });
    for (const chunks of [[ascii('aaab')], byteByByte(ascii('aaab'))])
      expect(decodedOf(codec, chunks)).toMatchObject([{ message: ascii('a') }]);
  });

  test('a stream that ends before its delimiter is truncated', () => {
    expect(decodedOf(delimited(bytesOf(0), { maxLength: 10 }), [bytesOf(1, 0, 2, 3)])).toMatchObject([
      { message: bytesOf(1) },
      { type: 'fault', fault: { code: 'truncated', position: 2, hex: '02 03' } },
    ]);
  });

  test('a message that contains its delimiter cannot be sent', () => {
    expect(() => delimited(bytesOf(0), { maxLength: 10 }).encode(bytesOf(1, 0))).toThrow(/delimiter/);
  });
});

describe('lengthField', () => {
  test('a body below the least length is a fatal fault, and cannot be sent', () => {
    const codec = lengthField({ width: 1, minLength: 2, maxLength: 9 });
    expect(decodedOf(codec, [bytesOf(2, 1, 2, 1, 7)])).toMatchObject([
      { message: bytesOf(1, 2) },
      { type: 'fault', fault: { code: 'length-too-small', fatal: true, position: 3, limit: 2 } },
    ]);
    expect(() => codec.encode(bytesOf(1))).toThrow(/the least is 2/);
  });

  test('a message that is not bytes cannot be sent, with or without bytes before the length', () => {
    const [bare, prefixed] = [
      lengthField({ width: 1, maxLength: 9 }),
      lengthField({ width: 1, offset: 1, maxLength: 9 }),
    ];
    expect(() => bare.encode('abc' as never)).toThrow(TypeError);
    expect(() => prefixed.encode({ lead: bytesOf(1), body: 'abc' as never })).toThrow(TypeError);
    expect(() => prefixed.encode({ lead: 'a' as never, body: bytesOf(1) })).toThrow(TypeError);
    expect(() => prefixed.encode(bytesOf(1) as never)).toThrow();
  });

  test.each(['whole', 'stream', 'skip'] as const)("delivery may be the word '%s'", (delivery) => {
    expect(() => lengthField({ width: 1, maxLength: 9, delivery })).not.toThrow();
  });

  test('another delivery is refused by name', () => {
    expect(() => lengthField({ width: 1, maxLength: 9, delivery: 'all' as 'whole' })).toThrow(
      /delivery must be/,
    );
  });
});

describe('messages', () => {
  test('a message that cannot be understood is a fault, and the next one is found', () => {
    const codec = messages<number>(lengthField({ width: 1, maxLength: 9 }), {
      decode(bytes) {
        if (bytes.length !== 1) throw new MessageFault(`a number has 1 byte, not ${bytes.length}`);
        return bytes[0]!;
      },
      encode: (value) => bytesOf(value),
    });
    expect(decodedOf(codec, [bytesOf(1, 7, 2, 0, 0, 1, 8)])).toMatchObject([
      { message: 7, position: 0 },
      {
        type: 'fault',
        fault: { code: 'message-invalid', position: 2, message: 'a number has 1 byte, not 2' },
      },
      { message: 8, position: 5 },
    ]);
  });

  test('bytes that are not JSON are a fault that is not fatal', () => {
    const codec = jsonMessages(lengthField({ width: 1, maxLength: 99 }));
    expect(decodedOf(codec, [concat(bytesOf(1), ascii('{'), bytesOf(2), ascii('{}'))])).toMatchObject([
      { type: 'fault', fault: { code: 'message-invalid', fatal: false } },
      { message: {} },
    ]);
    expect(() => codec.encode(undefined)).toThrow(/no JSON/);
  });
});

describe('what is encoded is found again', () => {
  test.each([
    ['\r\n\r\n', 'foo\r\n', true],
    ['\r\n\r\n', 'foo\r', false],
    ['aa', 'xa', true],
    ['aba', 'xab', true],
    ['ab', 'xa', false],
    ['ab', '', false],
  ])('the delimiter %j behind the message %j is found too early: %s', (delimiter, text, isWrong) => {
    const codec = delimited(ascii(delimiter), { maxLength: 100 });
    if (isWrong) return expect(() => codec.encode(ascii(text))).toThrow('must not end so that its delimiter');
    const encoded = concat(...codec.encode(ascii(text)));
    expect(decodedOf(codec, [encoded])).toMatchObject([{ type: 'message', message: ascii(text) }]);
  });

  test('a codec in the frames of another one announces a body, and one with delimiters refuses it', () => {
    const codec = jsonMessages(lengthField({ width: 1, maxLength: 100 }));
    expect(codec.encode({}, 5)[0]).toEqual(Uint8Array.of(7));
    for (const none of [
      lines({ maxLength: 10 }),
      jsonMessages(delimited(Uint8Array.of(0), { maxLength: 10 })),
    ])
      expect(() => none.encode('a', 5)).toThrow('a body cannot follow');
  });

  test('bytes are copied, also out of a Buffer, and nothing is decoded when nothing may be', () => {
    const chunk = Buffer.from('abc');
    expect(rawBytes.decoder.step(0, chunk, 0, 0)).toEqual({ state: 0, decoded: [], at: 0 });
    const { decoded } = rawBytes.decoder.step(0, chunk, 1, 1);
    chunk.fill(0);
    expect(decoded).toEqual([{ type: 'message', message: ascii('bc'), cost: 2, position: 0 }]);
  });
});
