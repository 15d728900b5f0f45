/** In virtual time: what the peer gets, and when. A frame is 10 ms; `a` to `c` are acks. */
import { map } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { type AckDelay, createAckDelay } from '../../src/runtime/ack-delay.ts';
import { createBudget } from '../../src/runtime/credit.ts';
import { createReplyWriter, type ReplyWriter } from '../../src/runtime/reply-writer.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';

const silence = { initial: 20, minimum: 5, midFrame: 800 };

type Act = (outbox: ReplyWriter, patience: AckDelay) => void;

function inVirtualTime(
  script: string,
  acts: Readonly<Record<string, Act>>,
  expected: string,
  marks = { high: 1000, low: 500 },
): void {
  const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted));
  scheduler.run(({ hot, expectObservable }) => {
    const [here, there] = memoryPair({ scheduler });
    const window = createBudget({ high: 1e9, low: 1e8 }).window(marks, () => {});
    const ackDelay = createAckDelay(scheduler, silence, () => outbox.flushHeld());
    const outbox = createReplyWriter({
      connection: here,
      window,
      ackDelay,
      receiving: () => 0,
      sent: () => {},
      failed: () => {},
    });
    hot(script).subscribe((name) => {
      acts[name]!(outbox, ackDelay);
      outbox.flush();
    });
    const got$ = there.chunks$.pipe(map((chunk) => Buffer.from(chunk).toString()));
    expectObservable(got$).toBe(expected, { a: 'a', b: 'b', c: 'c', 2: 'ab', 8: 'abcdefgh' });
  });
}

const ack = (text: string) => (outbox: ReplyWriter) => outbox.reply(Buffer.from(text), false);
const error = (text: string) => (outbox: ReplyWriter) => outbox.reply(Buffer.from(text), true);
const heard: Act = (_, patience) => patience.onActivity();

describe('an ack that the peer has not shown to want', () => {
  test('waits until nothing was heard for a while', () => {
    inVirtualTime('a', { a: ack('a') }, '21ms a');
  });

  test('waits as long as the peer goes on sending, and leaves with the others', () => {
    inVirtualTime('a 9ms h 9ms h 9ms h', { a: ack('a'), h: heard }, '51ms a');
  });

  test('leaves when the peer has ended its side', () => {
    inVirtualTime('a 4ms r', { a: ack('a'), r: (_, patience) => patience.release() }, '5ms a');
  });

  test('leaves before an error that may not wait', () => {
    inVirtualTime('a 4ms b', { a: ack('a'), b: error('b') }, '5ms 2');
  });

  test('leaves when the credit is used up, so that a peer with very many files is not left waiting', () => {
    inVirtualTime('a', { a: ack('a') }, 'a', { high: 0, low: 0 });
  });

  test('waits however long we do not listen: a slow disk is no silence of the peer', () => {
    const acts = {
      p: (_: ReplyWriter, patience: AckDelay) => patience.setListening(false),
      a: ack('a'),
      r: (_: ReplyWriter, patience: AckDelay) => patience.setListening(true),
    };
    inVirtualTime('p 9ms a 89ms r', acts, '121ms a');
  });

  test('waits much longer in the middle of a frame, where nobody waits for an answer', () => {
    const inFrame: Act = (_, patience) => patience.setInFrame(true);
    inVirtualTime('(fa)', { f: inFrame, a: ack('a') }, '801ms a');
  });

  test('waits the less the more of them there are', () => {
    inVirtualTime('(ab)', { a: ack('a'), b: ack('b') }, '11ms 2');
    inVirtualTime('(abcdefgh)', Object.fromEntries([...'abcdefgh'].map((it) => [it, ack(it)])), '6ms 8');
  });

  /** The peer is heard, and acks for what it sent are held. */
  const say =
    (...texts: readonly string[]): Act =>
    (outbox, patience) => {
      patience.onActivity();
      for (const text of texts) ack(text)(outbox);
    };

  test('waits no longer once the peer said nothing for long, and went on as soon as it got one', () => {
    inVirtualTime('a 21ms b', { a: say('a'), b: say('b') }, '21ms a 0ms b');
  });

  test('waits no longer once it did so twice for a shorter time', () => {
    const acts = { a: say('a', 'b'), b: say('a', 'b'), c: say('c') };
    inVirtualTime('a 11ms b 11ms c', acts, '11ms 2 11ms 2 0ms c');
  });

  test('still waits when the peer went on long after it got one', () => {
    inVirtualTime('a 60ms b 60ms c', { a: say('a'), b: say('b'), c: say('c') }, '21ms a 60ms b 60ms c');
  });
});

/** An outbox whose writes settle when the test says so. */
function written() {
  const chunks: Uint8Array[] = [];
  const settles: (() => void)[] = [];
  const [here] = memoryPair();
  const window = createBudget({ high: 1e9, low: 1e8 }).window({ high: 1e9, low: 1e8 }, () => {});
  const outbox = createReplyWriter({
    connection: {
      ...here,
      write: (some, settled) => {
        chunks.push(...some);
        settles.push(() => settled());
      },
    },
    window,
    ackDelay: createAckDelay(new TestScheduler(() => {}), silence, () => {}),
    receiving: () => 0,
    sent: () => {},
    failed: () => {},
  });
  return { outbox, window, chunks, settle: () => settles.shift()?.() };
}

describe('memory that replies were gathered in', () => {
  test('is let go of with them when they were many, so that a peer that reads late leaves nothing behind', () => {
    const { outbox, window, chunks, settle } = written();
    const reply = (bytes: number) => {
      outbox.reply(new Uint8Array(bytes), true);
      outbox.flush();
    };
    reply(10);
    for (let i = 0; i < 100; i++) reply(10_000);
    while (window.unsettled() > 0) settle();
    const many = chunks.slice(1);
    expect(many.reduce((sum, { length }) => sum + length, 0)).toBe(1_000_000);
    reply(10);
    const last = chunks.at(-1);
    for (const { buffer } of many) expect(last?.buffer).not.toBe(buffer);
    expect(last?.buffer.byteLength).toBeLessThanOrEqual(16 * 1024);
  });

  test('takes the next replies when it is small', () => {
    const { outbox, chunks, settle } = written();
    for (let i = 0; i < 3; i++) {
      outbox.reply(new Uint8Array(10), true);
      outbox.flush();
      settle();
    }
    expect(new Set(chunks.map(({ buffer }) => buffer)).size).toBe(1);
  });

  test('leaves in writes so small that a slow peer is seen to read', () => {
    const { outbox, window, chunks, settle } = written();
    for (let i = 0; i < 4_000; i++) outbox.reply(new Uint8Array(1_000), true);
    outbox.body(new Uint8Array(256 * 1024), () => {});
    outbox.flush();
    const writes: number[] = [];
    const bytes = () => chunks.reduce((sum, { length }) => sum + length, 0);
    for (let before = 0; bytes() > before; settle()) {
      writes.push(bytes() - before);
      before = bytes();
    }
    expect(bytes()).toBe(4_000_000 + 256 * 1024);
    for (const write of writes) expect(write).toBeLessThan(2 * 256 * 1024 + 1_000);
    expect(writes.length).toBeLessThan(30);
    expect(window.unsettled()).toBe(0);
  });
});
