import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { concatMap, from, lastValueFrom, Observable, of, Subject, scan, take, toArray } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { deframe } from '../../../src/wire/deframe/deframe.ts';
import { initialDeframeState, type Stepped, step } from '../../../src/wire/deframe/deframe-step.ts';
import type { FrameEvent } from '../../../src/wire/frame-event.ts';
import type { Framing } from '../../../src/wire/framing.ts';
import { jsonHeader } from '../../../src/wire/json-header.ts';
import { lengthField, type Prefix } from '../../../src/wire/length-field.ts';
import { ascii, byteByByte, bytesOf, concat } from '../stream.ts';

const framing = lengthField({ width: 1, maxLength: 100 });
const streaming = lengthField({ width: 1, maxLength: 100, delivery: () => 'stream' });

const frame = (text: string, position: number): FrameEvent<Prefix> => ({
  type: 'frame',
  header: { value: text.length, lead: bytesOf() },
  body: ascii(text),
  head: 1,
  position,
});

const fault = (code: string, position: number) =>
  expect.objectContaining({ type: 'fault', fault: expect.objectContaining({ code, position }) });

const marbles = (run: Parameters<TestScheduler['run']>[0]) =>
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(run);

describe('in time', () => {
  const chunks = {
    a: bytesOf(2, 97),
    b: bytesOf(98, 1, 120, 0),
    c: bytesOf(1, 122),
    e: bytesOf(),
    x: bytesOf(1, 121, 101, 9, 9),
  };
  const events = {
    p: frame('ab', 0),
    q: frame('x', 3),
    r: frame('', 5),
    z: frame('z', 0),
    y: frame('y', 0),
    T: fault('truncated', 0),
    L: fault('length-too-large', 2),
  };

  test('frames come when their last byte is there, and completion is passed on', () => {
    marbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source$ = hot('  -a-e-b---------|', chunks);
      expectObservable(source$.pipe(deframe(framing))).toBe('-----(pqr)-----|', events);
      expectSubscriptions(source$.subscriptions).toBe('^--------------!');
    });
  });

  test('a source that ends in the middle of a frame: a fault, then completion', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold('-a--|', chunks).pipe(deframe(framing))).toBe('----(T|)', events);
    });
  });

  test('a source without a byte completes, without a fault', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold<Uint8Array>('--|').pipe(deframe(framing))).toBe('--|');
      expectObservable(cold('-e|', chunks).pipe(deframe(framing))).toBe('--|');
    });
  });

  test('a fatal fault: the frames before it, then the fault, then completion, and the source is let go', () => {
    marbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source$ = hot('  ---x--c--c--|', chunks);
      expectObservable(source$.pipe(deframe(framing))).toBe('---(yL|)', events);
      expectSubscriptions(source$.subscriptions).toBe('^--!');
    });
  });

  test('an error of the source is passed on at once, without a fault', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold('-a-#', chunks, 'broken').pipe(deframe(framing))).toBe('---#', events, 'broken');
    });
  });

  test('unsubscribing lets go of the source', () => {
    marbles(({ hot, expectObservable, expectSubscriptions }) => {
      const source$ = hot('  -c---c-', chunks);
      expectObservable(source$.pipe(deframe(framing)), '---!').toBe('-z--', events);
      expectSubscriptions(source$.subscriptions).toBe('^--!');
    });
  });

  test('each subscription begins a stream of its own', () => {
    const frames$ = of(bytesOf(1), bytesOf(97)).pipe(deframe(framing), toArray());
    for (let i = 0; i < 2; i++) frames$.subscribe((all) => expect(all).toEqual([frame('a', 0)]));
  });
});

test('scan with the step gives the same events', () => {
  const stream = concat(bytesOf(2, 97, 98, 0, 1, 120, 101, 0, 0));
  const run = (chunks: Uint8Array[]) => {
    const scanned: unknown[] = [];
    const operated: unknown[] = [];
    const start: Stepped<Prefix> = { state: initialDeframeState(), events: [] };
    from(chunks)
      .pipe(
        scan(({ state }, chunk) => step(framing, state, chunk), start),
        concatMap(({ events }) => events),
      )
      .subscribe((event) => scanned.push(event));
    from(chunks)
      .pipe(deframe(framing))
      .subscribe((event) => operated.push(event));
    expect(operated).toEqual(scanned);
    expect(operated).toHaveLength(4);
  };
  run([stream]);
  run(byteByByte(stream));
});

describe('a subscriber that has had enough', () => {
  test('a subscriber that has had enough midway in a chunk gets nothing more', () => {
    const seen: unknown[] = [];
    const source$ = new Subject<Uint8Array>();
    source$.pipe(deframe(framing), take(2)).subscribe((event) => seen.push(event));
    source$.next(bytesOf(0, 0, 0, 0));
    expect(seen).toHaveLength(2);
    expect(source$.observed).toBe(false);
  });

  test('a subscriber that has had enough and unsubscribes by hand midway gets nothing more either', () => {
    let seen = 0;
    const source$ = new Subject<Uint8Array>();
    const subscription = source$.pipe(deframe(framing)).subscribe(() => {
      if (++seen === 3) subscription.unsubscribe();
    });
    source$.next(new Uint8Array(10));
    expect(seen).toBe(3);
  });

  test('a subscriber that has had enough midway is spared the reading of what waits', () => {
    let measured = 0;
    const source$ = new Subject<Uint8Array>();
    const counting = {
      ...framing,
      headLength(...range: Parameters<typeof framing.headLength>) {
        measured++;
        return framing.headLength(...range);
      },
    };
    const subscription = source$.pipe(deframe(counting)).subscribe(() => {
      source$.next(bytesOf(0));
      subscription.unsubscribe();
    });
    source$.next(bytesOf(0));
    expect(measured).toBe(1);
  });

  test('a subscriber that has had enough stops a source that emits while it is subscribed to, at once', () => {
    let emitted = 0;
    const endless$ = new Observable<Uint8Array>((subscriber) => {
      while (!subscriber.closed && emitted < 100) {
        emitted++;
        subscriber.next(bytesOf(0));
      }
    });
    endless$.pipe(deframe(framing), take(3)).subscribe();
    expect(emitted).toBe(3);
    emitted = 0;
    endless$
      .pipe(
        concatMap(() => of(bytesOf(255))),
        deframe(framing),
      )
      .subscribe();
    expect(emitted).toBe(1);
  });
});

describe('a source that emits while its last chunk is being handed on', () => {
  const notes = (source$: Subject<Uint8Array>, react: (count: number) => void) => {
    const seen: string[] = [];
    let count = 0;
    source$.pipe(deframe(framing)).subscribe({
      next: (event) => {
        seen.push(event.type === 'frame' ? String.fromCharCode(...event.body) : event.type);
        react(++count);
      },
      error: (error) => seen.push(`error ${error}`),
      complete: () => seen.push('complete'),
    });
    return seen;
  };

  test('a source that emits while its last chunk is being handed on is heard in order', () => {
    const source$ = new Subject<Uint8Array>();
    const seen = notes(source$, (count) => {
      if (count === 1) source$.next(bytesOf(99, 1, 100));
      if (count === 3) source$.next(bytesOf(1, 101));
    });
    source$.next(bytesOf(1, 97, 1, 98, 1));
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('a source that emits while its last chunk is being handed on and completes, or errors, is heard in order too', () => {
    for (const [end, said] of [
      [(source$: Subject<Uint8Array>) => source$.complete(), ['fault', 'complete']],
      [(source$: Subject<Uint8Array>) => source$.error('x'), ['error x']],
    ] as const) {
      const source$ = new Subject<Uint8Array>();
      const seen = notes(source$, (count) => count === 1 && end(source$));
      source$.next(bytesOf(1, 97, 1, 98, 1));
      expect(seen).toEqual(['a', 'b', ...said]);
    }
  });

  test('a source that emits while its last chunk is being handed on is not heard after a fatal fault', () => {
    const source$ = new Subject<Uint8Array>();
    const seen = notes(source$, (count) => count === 1 && source$.next(bytesOf(1, 99)));
    source$.next(bytesOf(1, 97, 255));
    expect(seen).toEqual(['a', 'fault', 'complete']);
  });
});

test.each([
  ['a string', 'text', 'a string: encode it'],
  ['a number', 3, 'is 3'],
  ['a Blob', new Blob(['text']), 'take its arrayBuffer()'],
  ['nothing', undefined, 'is undefined'],
])(
  'a chunk that is %s is a TypeError of the result, after the frames before it, and the source is let go',
  (_, it, why) => {
    const source$ = new Subject<Uint8Array>();
    const seen: unknown[] = [];
    source$.pipe(deframe(framing)).subscribe({
      next: (event) => seen.push(event),
      error: (error) => seen.push(error),
    });
    source$.next(bytesOf(1, 97));
    source$.next(it as never);
    source$.next(bytesOf(1, 98));
    expect(seen).toEqual([frame('a', 0), expect.any(TypeError)]);
    expect((seen[1] as Error).message).toContain(why);
    expect(source$.observed).toBe(false);
  },
);

test('a framing that answers a delivery there is not is an error, and drops no body in silence', async () => {
  const misspelt = lengthField({ width: 1, maxLength: 9, delivery: () => 'Whole' as never });
  await expect(lastValueFrom(of(bytesOf(1, 97)).pipe(deframe(misspelt)))).rejects.toThrow(
    `must be 'stream' or 'whole' or 'skip', and is the string "Whole"`,
  );
});

test('an error thrown by a callback of the framing is an error of the result', () => {
  const broken = jsonHeader({
    bodyLength: () => {
      throw new Error('callback');
    },
  });
  const seen: unknown[] = [];
  const source$ = new Subject<Uint8Array>();
  source$.pipe(deframe(broken)).subscribe({ error: (error: Error) => seen.push(error.message) });
  source$.next(concat(bytesOf(2, 0, 0, 0), ascii('{}')));
  expect(seen).toEqual(['callback']);
  expect(source$.observed).toBe(false);
});

describe('between chunks', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;

  /** Every buffer that can be reached from a value. */
  function buffersIn(value: unknown, found = new Set<ArrayBufferLike>(), seen = new Set<unknown>()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) return found;
    seen.add(value);
    if (value instanceof Uint8Array) found.add(value.buffer);
    else for (const part of Object.values(value)) buffersIn(part, found, seen);
    return found;
  }

  const cases: [string, Framing<Prefix>, number[]][] = [
    ['between frames', framing, [1, 97]],
    ['in a whole body', lengthField({ width: 1, offset: 2, maxLength: 100 }), [8, 9, 10, 97]],
    ['in a streamed body', streaming, [10, 97]],
    ['in a skipped body', lengthField({ width: 1, maxLength: 100, delivery: () => 'skip' }), [10, 97]],
    ['in a head', lengthField({ width: 4, offset: 2, maxLength: 100 }), [1, 2, 0]],
    ['after a fault', framing, [255, 1, 2]],
  ];

  test.each(cases)('the state %s holds no view of a chunk', (_, kind, bytes) => {
    const chunk = Uint8Array.from(bytes);
    const { state } = step(kind, initialDeframeState<Prefix>(), chunk);
    expect(buffersIn(state).has(chunk.buffer)).toBe(false);
  });

  test.each(cases)('the operator %s keeps no chunk alive', async (_, kind, bytes) => {
    const source$ = new Subject<Uint8Array>();
    const subscription = source$.pipe(deframe(kind)).subscribe();
    const sent: WeakRef<ArrayBufferLike>[] = [];
    // A function of its own, so that no variable of this one holds the chunk.
    (() => {
      const larger = new Uint8Array(65_536);
      larger.set(bytes, 100);
      sent.push(new WeakRef(larger.buffer));
      source$.next(larger.subarray(100, 100 + bytes.length));
    })();
    for (let i = 0; i < 20 && sent[0]?.deref() !== undefined; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      collect();
    }
    expect(sent[0]?.deref()).toBeUndefined();
    subscription.unsubscribe();
  });
});
