/**
 * Bytes from nobody in particular: they must not throw, hang, or make the deframer allocate beyond what arrived.
 */
import { fc, test } from '@fast-check/vitest';
import { afterEach, describe, expect, vi } from 'vitest';
import type { Delivery, Framing } from '../../src/wire/framing.ts';
import { jsonHeader } from '../../src/wire/json-header.ts';
import { encodeLength } from '../../src/wire/length-codec.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import type { LengthFieldOptions } from '../../src/wire/length-options.ts';
import { cases } from '../support/random/cases.ts';
import { layouts } from './layouts.ts';
import { ascii, byteByByte, concat, cutAt, cuts, eventsOf, tell } from './stream.ts';

/** Counts the bytes allocated in typed arrays while `work` runs; views are free. */
function allocatedBy(work: () => void): number {
  let total = 0;
  const Plain = globalThis.Uint8Array;
  const counting = new Proxy(Plain, {
    construct(target, args: unknown[], as) {
      const made = Reflect.construct(target, args, as) as Uint8Array;
      const isView = args[0] instanceof ArrayBuffer;
      if (!isView) total += made.length;
      return made;
    },
  });
  vi.stubGlobal('Uint8Array', counting);
  try {
    work();
  } finally {
    vi.unstubAllGlobals();
  }
  return total;
}

afterEach(() => vi.unstubAllGlobals());

// Small bytes make small lengths, so that streams of noise get past the first frame.
const noise = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.uint8Array({ maxLength: 400, max: 3 }),
  fc
    .array(fc.constantFrom(0, 0, 0, 1, 2, 5, 127, 128, 255), { maxLength: 300 })
    .map((bytes) => Uint8Array.from(bytes)),
);
const kinds = fc.constantFrom<Delivery>('whole', 'stream', 'skip');

/** The same frames and the same fault, however the noise is cut, within the memory that noise is worth. */
function holds<H>(framing: Framing<H>, stream: Uint8Array, places: readonly number[]): void {
  const told = tell(eventsOf(framing, [stream]));
  const chunks = cutAt(stream, places);
  let events: ReturnType<typeof eventsOf<H>> = [];
  const allocated = allocatedBy(() => {
    events = eventsOf(framing, chunks);
  });
  expect(tell(events)).toEqual(told);
  // Doubling adds up to 4 times what arrived. Each split frame costs a first room and two samples besides.
  const splits = Math.min(places.length + 1, stream.length);
  expect(allocated).toBeLessThan(4 * stream.length + 256 * (splits + 2));
}

describe('noise', () => {
  test.prop([layouts, noise, cuts, kinds], { numRuns: cases(1_250) })(
    'noise under any length field is never an exception',
    (options, stream, places, kind) => {
      holds(lengthField({ ...options, delivery: () => kind, maxWhole: 1000 }), stream, places);
    },
  );

  test.prop([noise, cuts, kinds], { numRuns: cases(750) })(
    'noise under a JSON header is never an exception',
    (stream, places, kind) => {
      holds(jsonHeader({ bodyLength: () => 3, delivery: () => kind }), stream, places);
    },
  );

  const almost = fc
    .array(
      fc.oneof(
        fc.string({ unit: 'grapheme' }).map((text) => new TextEncoder().encode(text)),
        noise,
        fc.json().map(ascii),
      ),
    )
    .map((texts) =>
      concat(
        ...texts.flatMap((text) => {
          const prefix = encodeLength({ width: 4, endian: 'little', maxLength: 65_536 }, text.length);
          return prefix.ok ? [prefix.bytes, text] : [];
        }),
      ),
    );

  test.prop([almost, cuts], { numRuns: cases(500) })(
    'noise of the right length in place of a JSON header gives the same events in every chunking',
    (stream, places) => {
      const framing = jsonHeader({ bodyLength: (header) => Object.keys(header).length });
      expect(tell(eventsOf(framing, cutAt(stream, places)))).toEqual(tell(eventsOf(framing, [stream])));
    },
  );
});

describe('what is claimed is not allocated', () => {
  const huge: LengthFieldOptions = { width: 4, maxLength: 2 ** 32 - 1, maxWhole: 2 ** 32 - 1 };
  const claim = new Uint8Array([0xff, 0xff, 0xff, 0xff]);

  test('what is claimed is not allocated for a whole body of 4 GiB of which a few bytes arrive', () => {
    const chunks = [claim, ...byteByByte(new Uint8Array(1000))];
    expect(allocatedBy(() => eventsOf(lengthField(huge), chunks))).toBeLessThan(6000);
  });

  test('what is claimed is not allocated for a header of 2 GiB of which a few bytes arrive', () => {
    const framing = jsonHeader({ maxHeader: 2 ** 31 - 1, bodyLength: () => 0 });
    const chunks = [new Uint8Array([0xff, 0xff, 0xff, 0x7f]), ...byteByByte(new Uint8Array(1000))];
    expect(allocatedBy(() => eventsOf(framing, chunks))).toBeLessThan(6000);
  });

  test('nothing is allocated for a body that is streamed or skipped', () => {
    for (const kind of ['stream', 'skip'] as const) {
      const framing = lengthField({ ...huge, delivery: () => kind });
      const chunks = [claim, ...Array.from({ length: 100 }, () => new Uint8Array(1000))];
      expect(allocatedBy(() => eventsOf(framing, chunks))).toBeLessThan(1000);
    }
  });

  test('a body of 1 MiB that arrives in small pieces is gathered with no more than a few copies of it', () => {
    const mib = 2 ** 20;
    const framing = lengthField({ width: 4, maxLength: mib });
    const chunks = [
      new Uint8Array([0, 0x10, 0, 0]),
      ...Array.from({ length: 16_384 }, () => new Uint8Array(64)),
    ];
    let events: ReturnType<typeof eventsOf> = [];
    const allocated = allocatedBy(() => {
      events = eventsOf(framing, chunks);
    });
    expect(events).toHaveLength(1);
    expect(allocated).toBeLessThan(3 * mib);
  });
});

test('a hundred thousand frames in one chunk do not overflow the stack', () => {
  const framing = lengthField({ width: 1, maxLength: 10 });
  let count = 0;
  for (const event of eventsOf(framing, cutAt(new Uint8Array(100_000), [])))
    count += event.type === 'frame' ? 1 : 0;
  expect(count).toBe(100_000);
});
