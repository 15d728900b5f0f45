/** Copies of bytes that wait behind a hole, many in one piece of memory. */
import { fc, test as prop } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { createHeldCopies, type HeldCopy } from '../../../src/capture/reassembly/held-copies.ts';

const KiB = 1024;

interface Waiting {
  readonly copy: HeldCopy;
  readonly expected: Uint8Array;
}

const lengths = fc.oneof(fc.integer({ min: 1, max: 9 * KiB }), fc.constant(8 * KiB), fc.constant(70 * KiB));
const steps = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant('copy' as const), length: lengths }),
    fc.record({ what: fc.constant('free' as const), which: fc.nat() }),
    fc.record({ what: fc.constant('recycle' as const) }),
  ),
  { maxLength: 200 },
);

describe('copies of bytes that wait', () => {
  prop.prop([steps])(
    'a copy stays as it is while it waits, and after that until its memory is recycled',
    (all) => {
      const copies = createHeldCopies();
      const waiting: Waiting[] = [];
      let handedOn: Waiting[] = [];
      let value = 0;
      for (const step of all) {
        if (step.what === 'copy') {
          value = (value + 1) % 251;
          const given = new Uint8Array(step.length).fill(value);
          waiting.push({ copy: copies.copy(given), expected: given.slice() });
          given.fill(255);
        } else if (step.what === 'free' && waiting.length > 0) {
          const [freed] = waiting.splice(step.which % waiting.length, 1);
          copies.free(freed!.copy.slab);
          handedOn.push(freed!);
        } else if (step.what === 'recycle') {
          copies.recycle();
          handedOn = [];
        }
        for (const { copy, expected } of [...waiting, ...handedOn]) {
          expect(Buffer.compare(copy.bytes, expected)).toBe(0);
        }
      }
    },
  );

  test('short copies share memory, and a long one has its own', () => {
    const copies = createHeldCopies();
    const [one, two, long] = [1448, 1448, 9 * KiB].map((length) => copies.copy(new Uint8Array(length)));
    expect(two!.bytes.buffer).toBe(one!.bytes.buffer);
    expect(long!.bytes.buffer.byteLength).toBe(9 * KiB);
    expect(long!.slab).toBeNull();
  });

  test('memory in which nothing waits is used again once it is recycled', () => {
    const copies = createHeldCopies();
    const memory = new Set<unknown>();
    for (let i = 0; i < 1000; i++) {
      const copy = copies.copy(new Uint8Array(8 * KiB));
      memory.add(copy.bytes.buffer);
      copies.free(copy.slab);
      copies.recycle();
    }
    expect(memory.size).toBe(1);
  });

  test('a byte of each that waits keeps no more memory than 8 MiB beside its own', () => {
    const copies = createHeldCopies();
    const memory = new Set<ArrayBufferLike>();
    for (let slab = 0; slab < 1000; slab++) {
      memory.add(copies.copy(new Uint8Array(1)).bytes.buffer);
      const others = Array.from({ length: 8 }, () => copies.copy(new Uint8Array(8 * KiB - 1)));
      for (const other of others) copies.free(other.slab);
    }
    const total = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(total).toBeLessThanOrEqual(8 * KiB * KiB + 1000);
  });
});
