import { fc, test } from '@fast-check/vitest';
import { concatMap, from, of } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { expect } from 'vitest';
import { deframe } from '../../src/wire/deframe/deframe.ts';
import { encodeFrame, enframe } from '../../src/wire/enframe.ts';
import { EncodeError } from '../../src/wire/frame-error.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import type { LengthFieldOptions } from '../../src/wire/length-options.ts';
import { ascii, byteByByte, bytesOf } from './stream.ts';

const options: LengthFieldOptions = { width: 2, maxLength: 3 };

const marbles = (run: Parameters<TestScheduler['run']>[0]) =>
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(run);

test('each body becomes one frame, at once', () => {
  marbles(({ hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot('  -a--b-|', { a: ascii('ab'), b: bytesOf() });
    const frames = { a: bytesOf(0, 2, 97, 98), b: bytesOf(0, 0) };
    expectObservable(source$.pipe(enframe(options))).toBe('-a--b-|', frames);
    expectSubscriptions(source$.subscriptions).toBe('^-----!');
  });
});

test('a body that is refused errors with the fault, and the source is let go', () => {
  marbles(({ hot, expectObservable, expectSubscriptions }) => {
    const source$ = hot('  -a--b-a-|', { a: bytesOf(1, 2, 3), b: bytesOf(1, 2, 3, 4) });
    const refusal = encodeFrame(options, bytesOf(1, 2, 3, 4));
    const fault = refusal.ok ? null : refusal.fault;
    expect(fault).toMatchObject({ code: 'length-too-large', declared: 4, limit: 3 });
    expectObservable(source$.pipe(enframe(options))).toBe(
      '-a--#',
      { a: bytesOf(0, 3, 1, 2, 3) },
      new EncodeError(fault!),
    );
    expectSubscriptions(source$.subscriptions).toBe('^---!');
  });
});

test('an error of the source is passed on', () => {
  marbles(({ cold, expectObservable }) => {
    expectObservable(cold<Uint8Array>('--#', {}, 'broken').pipe(enframe(options))).toBe('--#', {}, 'broken');
  });
});

test('the lead stands before every length', () => {
  const seen: unknown[] = [];
  of(ascii('a'), ascii('b'))
    .pipe(enframe({ width: 1, offset: 2, counts: 'frame', maxLength: 9 }, bytesOf(7, 8)))
    .subscribe((frame) => seen.push(frame));
  expect(seen).toEqual([bytesOf(7, 8, 4, 97), bytesOf(7, 8, 4, 98)]);
});

test('wrong options are refused before anything is subscribed to', () => {
  expect(() => enframe({ width: 2, maxLength: -1 })).toThrow(RangeError);
});

test('the body is copied, so it may be reused', () => {
  const body = ascii('ab');
  const encoded = encodeFrame(options, body);
  body.fill(0);
  expect(encoded).toEqual({ ok: true, bytes: bytesOf(0, 2, 97, 98) });
});

test.prop([fc.array(fc.uint8Array({ maxLength: 50 }))])('what is enframed is deframed', (bodies) => {
  const varint: LengthFieldOptions = { width: 'varint', counts: 'field', maxLength: 50 };
  const seen: Uint8Array[] = [];
  from(bodies)
    .pipe(
      enframe(varint),
      concatMap((bytes) => byteByByte(bytes)),
      deframe(lengthField(varint)),
    )
    .subscribe((event) => event.type === 'frame' && seen.push(event.body));
  expect(seen).toEqual(bodies);
});
