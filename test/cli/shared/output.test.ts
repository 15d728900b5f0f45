/** What becomes of what a command prints when stdout does not take it. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { createOutput } from '../../../src/cli/shared/output.ts';
import { type Sink, writtenTo } from '../../../src/cli/shared/stdout.ts';

const systemError = (code: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${code}: no`), { code });

/** An output whose stdout can be made to fail. */
function failing() {
  const [written, troubles, why]: [string[], string[], string[]] = [[], [], []];
  let fail: (error: NodeJS.ErrnoException) => void = () => {};
  const output = createOutput({
    stdout: (failed): Sink => {
      fail = failed;
      return {
        write: (what, taken) => {
          written.push(String(what));
          taken?.();
        },
      };
    },
    stderr: { write: (text) => troubles.push(text) },
    onWriteFault: (sentence) => why.push(sentence),
  });
  return { output, written, troubles, why, fail: (code: string) => fail(systemError(code)) };
}

describe('an output', () => {
  test('an output whose reader went away drops what is printed from then on, and is not broken', async () => {
    const { output, written, why, fail } = failing();
    output.line('one');
    output.flush();
    fail('EPIPE');
    output.line('two');
    output.flush();
    await output.bytes(new Uint8Array(3));
    expect(output.isClosed()).toBe(true);
    expect(written).toEqual(['one\n']);
    expect(why).toEqual([]);
  });

  test.each([
    ['ENOSPC', 'stdout cannot be written to: no space is left (ENOSPC)'],
    ['EIO', 'stdout cannot be written to: the device has failed (EIO)'],
    ['EBADF', 'stdout cannot be written to: it is not open for writing (EBADF)'],
    ['ECONNRESET', 'stdout cannot be written to: ECONNRESET: no'],
  ])('an output whose stdout fails with %s is broken, says so once, and drops the rest', (code, sentence) => {
    const { output, written, troubles, why, fail } = failing();
    fail(code);
    fail(code);
    output.line('one');
    output.error('two');
    expect(output.isClosed()).toBe(true);
    expect(why).toEqual([sentence]);
    expect(written).toEqual([]);
    expect(troubles).toEqual(['sluice: two\n']);
  });
});

describe('what is written to a file', () => {
  property.prop([
    fc.array(fc.oneof(fc.string(), fc.uint8Array())),
    fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
  ])(
    'what is written to a file is there whole and in order, however little the system takes at a time',
    (pieces, counts) => {
      const file: number[] = [];
      const errors: unknown[] = [];
      let taken = 0;
      const sink = writtenTo(
        (bytes, offset) => {
          const some = bytes.subarray(offset, offset + counts.next().value!);
          file.push(...some);
          return some.length;
        },
        (error) => errors.push(error),
      );
      for (const piece of pieces) sink.write(piece, () => taken++);
      const whole = Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)));
      expect(Buffer.from(file).equals(whole)).toBe(true);
      expect(taken).toBe(pieces.length);
      expect(errors).toEqual([]);
    },
  );

  property.prop([fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 20 })])(
    'what is written to a file and does not fit is an error, also when the last piece fits in part',
    (room, step) => {
      const errors: string[] = [];
      let [free, taken] = [room, 0];
      const sink = writtenTo(
        (bytes, offset) => {
          if (free === 0) throw systemError('ENOSPC');
          const count = Math.min(free, step, bytes.length - offset);
          free -= count;
          return count;
        },
        ({ code }) => errors.push(code!),
      );
      sink.write(new Uint8Array(room + 1), () => taken++);
      expect(errors).toEqual(['ENOSPC']);
      expect(taken).toBe(1);
    },
  );

  test('a file of which the system takes nothing more, without an error, is an error too, and does not go on for ever', () => {
    const errors: string[] = [];
    writtenTo(
      () => 0,
      ({ message }) => errors.push(message),
    ).write('a');
    expect(errors).toEqual(['nothing more is taken']);
  });
});
