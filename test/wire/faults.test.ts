import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { initialDeframeState, step } from '../../src/wire/deframe/deframe-step.ts';
import type { FrameFault } from '../../src/wire/fault.ts';
import type { FrameEvent } from '../../src/wire/frame-event.ts';
import { type JsonHeader, jsonHeader } from '../../src/wire/json-header.ts';
import { lengthField, type Prefix } from '../../src/wire/length-field.ts';
import type { LengthFieldOptions } from '../../src/wire/length-options.ts';
import { ascii, byteByByte, bytesOf, concat, cutAt, eventsOf, tell } from './stream.ts';

const plain = lengthField({ width: 4, maxLength: 1000 });
const json = jsonHeader({ bodyLength: (header: JsonHeader) => Number(header.size ?? 0) });

function faultOf(events: readonly FrameEvent<unknown>[]): FrameFault {
  const last = events.at(-1);
  if (last?.type !== 'fault') throw new Error(`the last event is ${last?.type}`);
  return last.fault;
}

describe('frames and a fault after them', () => {
  const good = concat(bytesOf(0, 0, 0, 2), ascii('ok'), bytesOf(0, 0, 0, 0));
  const bad = bytesOf(0xff, 0xff, 0xff, 0xff, 1, 2, 3);
  const more = concat(good, good);

  test('the frames before a bad one are delivered before its fault, in whatever chunks', () => {
    const stream = concat(good, bad, more);
    for (let i = 0; i <= stream.length; i++) {
      const told = tell(eventsOf(plain, cutAt(stream, [i])));
      expect(told).toMatchObject([
        { body: [...ascii('ok')] },
        { body: [] },
        { fault: 'length-too-large', fatal: true, declared: 2 ** 32 - 1, limit: 1000, position: good.length },
      ]);
    }
  });

  test('nothing is emitted after a fatal fault, not even at the end of input', () => {
    const events = eventsOf(plain, [bad, more, ...byteByByte(more)]);
    expect(events).toHaveLength(1);
    const { state } = step(plain, initialDeframeState<Prefix>(), bad);
    expect(step(plain, state, more).events).toEqual([]);
    expect(state.part).toEqual({ phase: 'over' });
  });
});

describe('lengths', () => {
  const at = (options: LengthFieldOptions, ...bytes: number[]) =>
    faultOf(eventsOf(lengthField(options), [bytesOf(...bytes)]));
  const max = Number.MAX_SAFE_INTEGER;

  test('2^31 in an int32 is negative, in an unsigned one too large', () => {
    expect(at({ width: 4, signed: true, maxLength: 10 }, 0x80, 0, 0, 0)).toMatchObject({
      code: 'length-negative',
      declared: -(2 ** 31),
      limit: 0,
    });
    expect(at({ width: 4, maxLength: 10 }, 0x80, 0, 0, 0)).toMatchObject({
      code: 'length-too-large',
      declared: 2 ** 31,
    });
  });

  test('2^31 and 2^32 - 1 are lengths where the limit allows them', () => {
    const open = lengthField({ width: 4, maxLength: 2 ** 32 - 1, delivery: () => 'stream' });
    for (const [first, length] of [
      [0x80, 2 ** 31],
      [0xff, 2 ** 32 - 1],
    ] as const) {
      const rest = first === 0xff ? 0xff : 0;
      const { events } = step(open, initialDeframeState<Prefix>(), bytesOf(first, rest, rest, rest, 7));
      expect(events[0]).toMatchObject({ type: 'start', length });
      expect(events[1]).toMatchObject({ type: 'data' });
    }
  });

  test('2^53 - 1 is a length, 2^53 and beyond are reported exactly', () => {
    const wide: LengthFieldOptions = { width: 8, maxLength: max, delivery: () => 'stream' };
    const { events } = step(
      lengthField(wide),
      initialDeframeState<Prefix>(),
      bytesOf(0, 0x1f, ...Array(6).fill(255)),
    );
    expect(events[0]).toMatchObject({ type: 'start', length: max });
    expect(at(wide, 0, 0x20, 0, 0, 0, 0, 0, 0).declared).toBe(2n ** 53n);
    expect(at(wide, 0, 0x20, 0, 0, 0, 0, 0, 1).declared).toBe(2n ** 53n + 1n);
    expect(at(wide, ...Array(8).fill(255)).declared).toBe(2n ** 64n - 1n);
    expect(at({ ...wide, signed: true }, 0x80, 0, 0, 0, 0, 0, 0, 0).declared).toBe(-(2n ** 63n));
    expect(at({ ...wide, signed: true }, ...Array(8).fill(255)).declared).toBe(-1);
    expect(at({ ...wide, endian: 'little' }, 1, 0, 0, 0, 0, 0, 0x20, 0).declared).toBe(2n ** 53n + 1n);
  });

  test('a varint beyond 2^53 is reported exactly, one of more bytes than it may have is too long', () => {
    const varint: LengthFieldOptions = { width: 'varint', maxLength: max };
    expect(at(varint, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10).declared).toBe(2n ** 53n);
    expect(at(varint, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10).declared).toBe(2n ** 53n + 1n);
    expect(at(varint, ...Array(9).fill(0xff), 0x01).declared).toBe(2n ** 64n - 1n);
    expect(at(varint, ...Array(9).fill(0xff), 0x7f).declared).toBe(2n ** 70n - 1n);
    expect(at(varint, ...Array(10).fill(0x80)).code).toBe('varint-too-long');
    expect(at({ ...varint, maxVarint: 4 }, 0xff, 0xff, 0xff, 0xff).code).toBe('varint-too-long');
    expect(
      tell(eventsOf(lengthField({ ...varint, maxVarint: 4 }), [bytesOf(0x80, 0x80, 0x80, 0)])),
    ).toMatchObject([{ length: 0, head: 4 }]);
  });

  test('a length that counts its prefix is too small when it is smaller than that', () => {
    const postgres: LengthFieldOptions = { width: 4, offset: 1, counts: 'field', maxLength: 100 };
    expect(at(postgres, 0x51, 0, 0, 0, 3)).toMatchObject({ code: 'length-too-small', declared: 3, limit: 4 });
    expect(tell(eventsOf(lengthField(postgres), [bytesOf(0x51, 0, 0, 0, 4)]))).toMatchObject([{ length: 0 }]);
    const bgp: LengthFieldOptions = { width: 2, offset: 16, counts: 'frame', maxLength: 4077 };
    expect(at(bgp, ...Array(16).fill(255), 0, 17)).toMatchObject({
      code: 'length-too-small',
      declared: 17,
      limit: 18,
    });
  });

  test('a length that counts its prefix is held to the limit of the body, and says both', () => {
    const fault = at({ width: 2, counts: 'field', maxLength: 10 }, 0, 13);
    expect(fault).toMatchObject({ code: 'length-too-large', declared: 11, limit: 10 });
    expect(fault.message).toContain('13');
  });

  test('a value that no number can hold is refused though the body would be within bounds', () => {
    const options: LengthFieldOptions = { width: 8, counts: 'frame', offset: 8, maxLength: max };
    const bytes = [...Array(8).fill(0), 0, 0x20, 0, 0, 0, 0, 0, 5];
    // The second has its limit where the body would be just that long.
    for (const maxLength of [max, max - 10]) {
      const fault = at({ ...options, maxLength }, ...bytes);
      expect(fault).toMatchObject({ code: 'length-too-large', declared: 2n ** 53n + 5n, limit: max });
    }
  });

  test('the limit is checked before the body arrives, or is asked for', () => {
    const { events } = step(plain, initialDeframeState<Prefix>(), bytesOf(0, 0, 4, 0));
    expect(events).toMatchObject([{ type: 'fault', fault: { code: 'length-too-large', declared: 1024 } }]);
  });
});

describe('where and what', () => {
  test('the position counts from the start of the stream, the bytes from the frame', () => {
    const stream = concat(bytesOf(0, 0, 0, 1, 9), bytesOf(0xff, 0, 0, 0), ascii(' ~\x7f\n'));
    expect(faultOf(eventsOf(plain, [stream]))).toMatchObject({
      position: 5,
      hex: 'ff 00 00 00 20 7e 7f 0a',
      ascii: '.... ~..',
    });
  });

  test('a fault shows at most 32 bytes', () => {
    const fault = faultOf(eventsOf(plain, [concat(bytesOf(0, 0, 0, 0), new Uint8Array(100).fill(0x41))]));
    expect(fault.ascii).toBe('A'.repeat(32));
  });

  test('bytes from earlier chunks and this one are shown in order', () => {
    const stream = concat(bytesOf(255), ascii('bcdefghij'));
    for (let i = 1; i < 4; i++) {
      expect(faultOf(eventsOf(plain, cutAt(stream, [i]))).ascii).toBe('.bcdefghij');
    }
    const header = concat(bytesOf(50, 0, 0, 0), ascii('x'.repeat(50)), ascii('next'));
    for (let i = 1; i < 54; i++) {
      const fault = faultOf(eventsOf(json, cutAt(header, [i])));
      expect([fault.code, fault.ascii]).toEqual(['header-invalid', `2...${'x'.repeat(28)}`]);
    }
  });

  test.each([
    ['GET / HTTP/1.1\r\n', 'HTTP'],
    ['POST /a HTTP/1.1\r\n', 'HTTP'],
    ['PUT /a HTTP/1.1\r\n', 'HTTP'],
    ['DELETE /', 'HTTP'],
    ['OPTIONS *', 'HTTP'],
    ['HTTP/1.1 400 Bad Request', 'HTTP'],
    ['PRI * HTTP/2.0\r\n', 'HTTP/2'],
    ['SSH-2.0-OpenSSH', 'SSH'],
    ['\x16\x03\x01\x02\x00\x01', 'TLS'],
  ])('bytes that open with %j get a hint, even when only four were seen', (text, protocol) => {
    for (const framing of [plain, json]) {
      for (const chunks of [[ascii(text)], byteByByte(ascii(text))]) {
        expect(faultOf(eventsOf<unknown>(framing, chunks)).message).toContain(protocol);
      }
    }
  });

  test('too few bytes to tell, or others, get no hint', () => {
    for (const text of ['G', 'GE', 'GET', '\x16']) {
      expect(faultOf(eventsOf(plain, [ascii(text)])).message).not.toMatch(/HTTP|TLS|SSH/);
    }
    for (const text of ['GETX', 'get ', '\x16\x02ab', 'PUTS']) {
      expect(faultOf(eventsOf(plain, [ascii(text)])).message).not.toMatch(/HTTP|TLS|SSH/);
    }
  });
});

describe('truncation', () => {
  const stream = concat(bytesOf(0, 0, 0, 0), bytesOf(0, 0, 0, 5), ascii('hello'));
  const kinds = ['whole', 'stream', 'skip'] as const;

  test('truncation at each point of a frame, whatever the delivery, is a fault that says where', () => {
    for (const kind of kinds) {
      const framing = lengthField({ width: 4, maxLength: 1000, delivery: () => kind });
      for (let length = 4; length < stream.length; length++) {
        for (const chunks of [[stream.subarray(0, length)], byteByByte(stream.subarray(0, length))]) {
          const events = eventsOf(framing, chunks);
          if (length === 4) {
            expect(events.some((event) => event.type === 'fault')).toBe(false);
            continue;
          }
          const fault = faultOf(events);
          expect(fault).toMatchObject({ code: 'truncated', fatal: true, position: 4 });
          expect(fault.declared).toBe(length < 8 ? null : 5);
          expect(fault.message).toContain(length < 8 ? 'head' : 'body');
          expect(fault.message).toContain(length < 8 ? `${length - 4} of 4` : `${length - 8} of 5`);
          expect(fault.hex.startsWith('00')).toBe(true);
        }
      }
    }
  });

  test('truncation at a frame’s boundary, or before any byte, is the proper end', () => {
    expect(eventsOf(plain, [])).toEqual([]);
    expect(eventsOf(plain, [new Uint8Array(0)])).toEqual([]);
    expect(eventsOf(plain, [stream]).map((event) => event.type)).toEqual(['frame', 'frame']);
  });

  test('a JSON header cut short says how long it was to be', () => {
    const fault = faultOf(eventsOf(json, [concat(bytesOf(20, 0, 0, 0), ascii('{"cmd"'))]));
    expect(fault.message).toContain('10 of 24');
  });

  test.prop([fc.uint8Array({ maxLength: 60 }), fc.array(fc.nat(60))])(
    'the end of input is a fault exactly when it is not at a boundary',
    (noise, places) => {
      const framing = lengthField({ width: 1, maxLength: 255 });
      let at = 0;
      while (at < noise.length) at += 1 + noise[at]!;
      const codes = tell(eventsOf(framing, cutAt(noise, places))).flatMap((it) =>
        'fault' in it ? [it.fault] : [],
      );
      expect(codes).toEqual(at === noise.length ? [] : ['truncated']);
    },
  );
});
