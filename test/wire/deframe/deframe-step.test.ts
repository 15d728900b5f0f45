import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import {
  type DeframeState,
  finish,
  initialDeframeState,
  step,
  stepUpTo,
} from '../../../src/wire/deframe/deframe-step.ts';
import { encodeFrame } from '../../../src/wire/enframe.ts';
import type { FrameEvent } from '../../../src/wire/frame-event.ts';
import type { Delivery, Framing } from '../../../src/wire/framing.ts';
import { lengthField, type Prefix } from '../../../src/wire/length-field.ts';
import type { LengthFieldOptions } from '../../../src/wire/length-options.ts';
import { cases } from '../../support/random/cases.ts';
import { everyLayout, layouts } from '../layouts.ts';
import { ascii, byteByByte, bytesOf, concat, cutAt, cuts, eventsOf, tell } from '../stream.ts';

const plain: LengthFieldOptions = { width: 4, maxLength: 1000 };

function framed(options: LengthFieldOptions, bodies: readonly Uint8Array[], lead?: Uint8Array): Uint8Array {
  return concat(
    ...bodies.map((body) => {
      const encoded = encodeFrame(options, body, lead);
      if (!encoded.ok) throw new Error(encoded.fault.message);
      return encoded.bytes;
    }),
  );
}

const bodiesIn = (events: readonly FrameEvent<unknown>[]) =>
  tell(events).map((it) => ('fault' in it ? it.fault : it.body));

describe('any chunking of any sequence of frames gives the same frames', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 90 }), { maxLength: 8 });
  const deliveries = fc.array(fc.constantFrom<Delivery>('whole', 'stream', 'skip'), { minLength: 1 });

  test.prop([layouts, bodies, cuts, deliveries], { numRuns: cases(750) })(
    'any chunking of any sequence of frames gives the same frames with any length field',
    (options, sent, places, kinds) => {
      const { offset = 0 } = options;
      const lead = Uint8Array.from({ length: offset }, (_, i) => i + 200);
      // The kind goes by the length, so that it is decided per frame and known here too.
      const kind = (length: number): Delivery => kinds[length % kinds.length]!;
      const fits = sent.filter((body) => encodeFrame(options, body, lead).ok);
      const framing = lengthField({ ...options, maxWhole: 1000, delivery: (_, length) => kind(length) });

      const told = tell(eventsOf(framing, cutAt(framed(options, fits, lead), places)));

      expect(
        told.map((it) => 'body' in it && [it.delivery, it.length, it.body, [...it.header.lead], it.ended]),
      ).toEqual(
        fits.map((body) => {
          const delivery = kind(body.length);
          return [delivery, body.length, delivery === 'skip' ? [] : [...body], [...lead], true];
        }),
      );
      let position = 0;
      for (const it of told) {
        expect(it.position).toBe(position);
        if ('head' in it) position += it.head + it.length;
      }
    },
  );

  test('any chunking of any sequence of frames gives the same frames with every length field of the grid, one byte at a time', () => {
    const sent = [ascii(''), ascii('a'), ascii('x'.repeat(30)), ascii(''), ascii('y'.repeat(64))];
    for (const options of everyLayout(100)) {
      const lead = new Uint8Array(options.offset ?? 0).fill(7);
      const fits = sent.filter((body) => encodeFrame(options, body, lead).ok);
      const got = eventsOf(lengthField(options), byteByByte(framed(options, fits, lead)));
      expect(bodiesIn(got), JSON.stringify(options)).toEqual(fits.map((body) => [...body]));
    }
  });

  test('any chunking of any sequence of frames gives the same frames at every split point, and at every two', () => {
    const framing = lengthField({ width: 2, offset: 1, maxLength: 50 });
    const stream = framed(
      { width: 2, offset: 1, maxLength: 50 },
      [ascii('ab'), ascii(''), ascii('cdefg')],
      bytesOf(9),
    );
    const whole = tell(eventsOf(framing, [stream]));
    expect(whole).toHaveLength(3);
    for (let i = 0; i <= stream.length; i++) {
      for (let j = i; j <= stream.length; j++) {
        expect(tell(eventsOf(framing, cutAt(stream, [i, j])))).toEqual(whole);
      }
    }
  });
});

describe('bodies', () => {
  const framing = lengthField(plain);

  test('empty bodies first, last and in a row are frames like any other', () => {
    const sent = ['', '', 'a', '', '', 'b', ''].map(ascii);
    const stream = framed(plain, sent);
    for (const chunks of [[stream], byteByByte(stream), cutAt(stream, [4, 8])]) {
      expect(bodiesIn(eventsOf(framing, chunks))).toEqual(sent.map((body) => [...body]));
    }
  });

  test('an empty streamed body is a start and an end at once', () => {
    const streaming = lengthField({ ...plain, delivery: () => 'stream' });
    const { events } = step(streaming, initialDeframeState<Prefix>(), bytesOf(0, 0, 0, 0));
    expect(events.map((event) => event.type)).toEqual(['start', 'end']);
  });

  test('a body that ends with the chunk leaves no bytes behind', () => {
    const { state, events } = step(framing, initialDeframeState<Prefix>(), framed(plain, [ascii('abc')]));
    expect(events).toHaveLength(1);
    expect(finish(framing, state).events).toEqual([]);
    expect(state.part).toEqual({ phase: 'idle' });
  });

  test('a body of exactly the maximum is a frame, one more is a fault', () => {
    const exact = framed(plain, [new Uint8Array(1000).fill(5)]);
    expect(bodiesIn(eventsOf(framing, [exact]))).toEqual([new Array(1000).fill(5)]);
    const more = framed({ ...plain, maxLength: 1001 }, [new Uint8Array(1001)]);
    expect(tell(eventsOf(framing, [more]))).toEqual([
      { fault: 'length-too-large', fatal: true, declared: 1001, limit: 1000, position: 0 },
    ]);
  });

  test('a streamed body is handed on as views of the chunks, none of it copied', () => {
    const streaming = lengthField({ ...plain, delivery: () => 'stream' });
    const first = concat(bytesOf(0, 0, 0, 9), ascii('abc'));
    const second = ascii('def');
    const third = concat(ascii('ghi'), bytesOf(0, 0));
    let state = initialDeframeState<Prefix>();
    for (const chunk of [first, second, third]) {
      const stepped = step(streaming, state, chunk);
      state = stepped.state;
      const data = stepped.events.filter((event) => event.type === 'data');
      expect(data).toHaveLength(1);
      expect(data[0]?.bytes.buffer).toBe(chunk.buffer);
    }
    expect(state.part).toMatchObject({ phase: 'head', need: 4 });
  });

  test.each([4, 8, 'varint'] as const)(
    'chunks that are views into a larger buffer are read in their own bounds (%s)',
    (width) => {
      const options: LengthFieldOptions = { width, maxLength: 10 };
      const stream = framed(options, [ascii('ab'), ascii('cd')]);
      const larger = concat(new Uint8Array(13).fill(255), stream, new Uint8Array(9).fill(255));
      const part = (from: number, to: number) => larger.subarray(13 + from, 13 + to);
      for (let i = 0; i <= stream.length; i++) {
        const events = eventsOf(lengthField(options), [part(0, i), part(i, stream.length)]);
        expect(bodiesIn(events)).toEqual([[...ascii('ab')], [...ascii('cd')]]);
      }
    },
  );

  test('whether a body is whole, streamed or skipped is decided per frame', () => {
    const kinds: Delivery[] = ['whole', 'stream', 'skip'];
    const options: LengthFieldOptions = { width: 1, offset: 1, maxLength: 9 };
    const mixed = lengthField({ ...options, delivery: ({ lead }) => kinds[lead[0]!]! });
    const stream = concat(
      ...[0, 1, 2, 0, 2, 1].map((kind) => framed(options, [ascii('abc')], bytesOf(kind))),
    );
    const { events } = step(mixed, initialDeframeState<Prefix>(), stream);
    expect(events.map((event) => event.type).join(' ')).toBe(
      'frame start data end start end frame start end start data end',
    );
  });

  test('a body too large to be delivered whole is a fault that is not fatal, is skipped, and the next is delivered', () => {
    const small = lengthField({ ...plain, maxWhole: 3 });
    const stream = framed(plain, ['abc', 'abcd', 'xyz'].map(ascii));
    for (const chunks of [[stream], byteByByte(stream), cutAt(stream, [11, 13])]) {
      const events = eventsOf(small, chunks);
      expect(events.map((event) => event.type)).toEqual(['frame', 'start', 'fault', 'end', 'frame']);
      const told = tell(events);
      expect(told[1]).toMatchObject({ delivery: 'skip', length: 4, position: 7, ended: true, body: [] });
      expect(told[2]).toEqual({ fault: 'body-too-large', fatal: false, declared: 4, limit: 3, position: 7 });
      expect(told[3]).toMatchObject({ position: 15, body: [...ascii('xyz')] });
    }
  });

  test('a body too large for one piece that is streamed or skipped is no fault', () => {
    for (const kind of ['stream', 'skip'] as const) {
      const events = eventsOf(lengthField({ ...plain, maxWhole: 3, delivery: () => kind }), [
        framed(plain, [ascii('abcd')]),
      ]);
      expect(events.some((event) => event.type === 'fault')).toBe(false);
    }
  });
});

test.prop([
  fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 20 }),
  fc.integer({ min: 1, max: 5 }),
  fc.uint8Array(),
])('a chunk taken some events at a time gives the same events and the same state', (bodies, most, noise) => {
  const framing = lengthField({ ...plain, delivery: (_, length) => (length % 2 === 0 ? 'stream' : 'whole') });
  const chunk = concat(framed(plain, bodies), noise);
  const events: FrameEvent<Prefix>[] = [];
  let state = initialDeframeState<Prefix>();
  for (let at = 0; at < chunk.length; ) {
    const some = stepUpTo(framing, state, chunk, at, most);
    expect(some.at).toBeGreaterThan(at);
    // A frame begun is a start and perhaps a fault and an end.
    expect(some.events.length).toBeLessThan(most + 3);
    events.push(...some.events);
    state = some.state;
    at = some.at;
  }
  expect({ state, events }).toEqual(step(framing, initialDeframeState<Prefix>(), chunk));
});

describe('a step is pure', () => {
  /** Events in a form that outlives them, the bytes copied, the pieces of one body put together. */
  const noted = (events: readonly FrameEvent<Prefix>[]) =>
    events
      .map((event) => {
        if (event.type === 'data') return `data ${event.bytes.join(' ')}`;
        if (event.type === 'frame')
          return `frame ${event.position}: ${event.header.lead} ${event.body.join(' ')}`;
        if (event.type === 'start') return `start ${event.position} ${event.length}`;
        return event.type === 'end' ? 'end' : `fault ${event.fault.code} ${event.fault.position}`;
      })
      .join('\n')
      .replaceAll(/\ndata/g, '');

  const options: LengthFieldOptions = { width: 'varint', offset: 3, maxLength: 100 };
  const framing = lengthField({
    ...options,
    delivery: (_, length) => (length % 3 === 0 ? 'stream' : 'whole'),
  });
  const few = fc.array(fc.nat(120), { maxLength: 8 });

  test.prop(
    [
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
      few,
      few,
      fc.uint8Array({ maxLength: 50 }),
    ],
    {
      numRuns: cases(250),
    },
  )(
    'an old state stepped again, whatever became of it meanwhile, goes on as it would have',
    (sent, one, two, noise) => {
      const stream = framed(options, sent, bytesOf(1, 2, 3));
      const chunks = cutAt(stream, one);
      const states = [initialDeframeState<Prefix>()];
      const seen: string[] = [];
      for (const chunk of chunks) {
        const { state, events } = step(framing, states.at(-1)!, chunk);
        states.push(state);
        seen.push(noted(events));
      }
      let taken = 0;
      chunks.forEach((chunk, i) => {
        const rest = stream.slice(taken);
        const inOne = noted(step(framing, states[i]!, rest).events);
        // Each of these is a future of the same state, and must not show in the next.
        step(framing, states[i]!, noise);
        expect(noted(step(framing, states[i]!, chunk).events)).toBe(seen[i]);
        expect(noted(continued(states[i]!, cutAt(rest, two)))).toBe(inOne);
        expect(noted(step(framing, states[i]!, chunk).events)).toBe(seen[i]);
        taken += chunk.length;
      });
    },
  );

  function continued(from: DeframeState<Prefix>, chunks: readonly Uint8Array[]): FrameEvent<Prefix>[] {
    let state = from;
    return chunks.flatMap((chunk) => {
      const stepped = step(framing, state, chunk);
      state = stepped.state;
      return stepped.events;
    });
  }

  test('two futures of one state keep their own bytes', () => {
    const framing = lengthField({ width: 1, maxLength: 200 });
    const begun = step(framing, initialDeframeState<Prefix>(), bytesOf(4, 1, 2)).state;
    const left = step(framing, begun, bytesOf(10)).state;
    const right = step(framing, begun, bytesOf(20)).state;
    expect(bodiesIn(step(framing, left, bytesOf(11)).events)).toEqual([[1, 2, 10, 11]]);
    expect(bodiesIn(step(framing, right, bytesOf(21)).events)).toEqual([[1, 2, 20, 21]]);
    expect(bodiesIn(step(framing, begun, bytesOf(30, 31)).events)).toEqual([[1, 2, 30, 31]]);
  });

  test('a head split across chunks may be continued twice', () => {
    const framing = lengthField({ width: 8, maxLength: 200 });
    const begun = step(framing, initialDeframeState<Prefix>(), new Uint8Array(6)).state;
    const first = step(framing, begun, bytesOf(0)).state;
    step(framing, begun, bytesOf(99));
    expect(bodiesIn(step(framing, first, bytesOf(1, 42)).events)).toEqual([[42]]);
  });
});

describe('a framing that looks ahead', () => {
  /**
   * A head of one byte, which says how long the body is. What the byte after an odd one is decides whether the head
   * has that one too, so it must be seen first.
   */
  const curious = (delivery: Delivery): Framing<number[]> => ({
    maxHead: 3,
    maxWhole: 1000,
    headLength(bytes, start, end) {
      if (start === end || bytes[start]! % 2 === 0) return 1;
      if (end - start < 3) return 3;
      return bytes[start + 2]! % 3 === 0 ? 1 : 2;
    },
    parseHead: (bytes, start, end) => ({
      header: [...bytes.subarray(start, end)],
      length: bytes[start]! >> 2,
      delivery,
    }),
  });

  test.prop([fc.uint8Array({ max: 40, maxLength: 60 }), cuts, fc.constantFrom('whole', 'stream', 'skip')], {
    numRuns: cases(750),
  })('a framing that looks ahead finds the same frames in every chunking', (stream, places, delivery) => {
    const framing = curious(delivery as Delivery);
    const whole = tell(eventsOf(framing, [stream]));
    expect(tell(eventsOf(framing, cutAt(stream, places)))).toEqual(whole);
    expect(tell(eventsOf(framing, byteByByte(stream)))).toEqual(whole);
  });

  test('a framing that looks ahead gives back what it saw beyond the head, to the body and to the frames after it', () => {
    const told = tell(eventsOf(curious('whole'), byteByByte(bytesOf(5, 42, 3, 0, 0, 8, 1, 2))));
    expect(told).toMatchObject([
      { header: [5], body: [42], position: 0 },
      { header: [3], body: [], position: 2 },
      { header: [0], body: [], position: 3 },
      { header: [0], body: [], position: 4 },
      { header: [8], body: [1, 2], position: 5 },
    ]);
  });

  test('a framing that looks ahead is in the head of the frame still when the stream ends before it has seen enough', () => {
    const told = tell(eventsOf(curious('whole'), [bytesOf(0, 5, 42)]));
    expect(told).toMatchObject([{ header: [0] }, { fault: 'truncated', position: 1 }]);
  });
});

describe('a framing of one’s own that breaks its promises', () => {
  const base: Framing<null> = {
    maxHead: 4,
    maxWhole: 10,
    headLength: () => 1,
    parseHead: () => ({ header: null, length: 0, delivery: 'whole' }),
  };
  const codes = (framing: Framing<null>) =>
    eventsOf(framing, byteByByte(bytesOf(1, 2, 3, 4, 5, 6))).map((event) =>
      event.type === 'fault' ? event.fault.code : event.type,
    );

  test.each([0, -1, 5, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'a head of %d bytes is a fault, not a hang',
    (head) => {
      expect(codes({ ...base, headLength: () => head })).toEqual(['header-invalid']);
    },
  );

  test.each([-1, 1.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])(
    'a body of %d bytes is a fault',
    (length) => {
      expect(codes({ ...base, parseHead: () => ({ header: null, length, delivery: 'stream' }) })).toEqual([
        'body-length-invalid',
      ]);
    },
  );

  test('a head is measured again only once as many bytes are there as it asked for', () => {
    const asked: number[] = [];
    const framing: Framing<null> = {
      ...base,
      headLength(_, start, end) {
        asked.push(end - start);
        return 4;
      },
    };
    eventsOf(framing, byteByByte(new Uint8Array(4)));
    expect(asked).toEqual([1, 4]);
  });
});
