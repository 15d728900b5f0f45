/** In virtual time: what the peer gets, and when. A frame is 10 ms; `a` to `c` are acks. */
import { map } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { createBudget } from '../../../src/actor/bounds/credit.ts';
import { type AckDelay, createAckDelay } from '../../../src/actor/run/ack-delay.ts';
import { createReplyWriter, type ReplyWriter } from '../../../src/actor/run/reply-writer.ts';
import type { ConnectionFault } from '../../../src/transport/connection.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';

const silence = { initial: 20, minimum: 5, midFrame: 800 };

type Act = (writer: ReplyWriter, ackDelay: AckDelay) => void;

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
    const ackDelay = createAckDelay(scheduler, silence, () => writer.flushHeld());
    const writer = createReplyWriter({
      connection: here,
      window,
      ackDelay,
      receiving: () => 0,
      sent: () => {},
      failed: () => {},
    });
    hot(script).subscribe((name) => {
      acts[name]!(writer, ackDelay);
      writer.flush();
    });
    const got$ = there.chunks$.pipe(map((chunk) => Buffer.from(chunk).toString()));
    expectObservable(got$).toBe(expected, { a: 'a', b: 'b', c: 'c', 2: 'ab', 8: 'abcdefgh' });
  });
}

const ack = (text: string) => (writer: ReplyWriter) => writer.reply(Buffer.from(text), false);
const error = (text: string) => (writer: ReplyWriter) => writer.reply(Buffer.from(text), true);
const heard: Act = (_, ackDelay) => ackDelay.onActivity();

/** The bytes of each write, as one after the other is settled until there is no other. */
function writesOf(chunks: readonly Uint8Array[], settle: () => void): number[] {
  const writes: number[] = [];
  const bytes = () => chunks.reduce((sum, { length }) => sum + length, 0);
  for (let before = 0; bytes() > before; settle()) {
    writes.push(bytes() - before);
    before = bytes();
  }
  return writes;
}

describe('an ack that the peer has not shown to want', () => {
  test('an ack that the peer has not shown to want waits until the peer was quiet for a while', () => {
    inVirtualTime('a', { a: ack('a') }, '21ms a');
  });

  test('an ack that the peer has not shown to want waits as long as the peer goes on sending, and leaves with the others', () => {
    inVirtualTime('a 9ms h 9ms h 9ms h', { a: ack('a'), h: heard }, '51ms a');
  });

  test('an ack that the peer has not shown to want leaves when the peer has ended its side', () => {
    inVirtualTime('a 4ms r', { a: ack('a'), r: (_, ackDelay) => ackDelay.release() }, '5ms a');
  });

  test('an ack that the peer has not shown to want leaves before an error that may not wait', () => {
    inVirtualTime('a 4ms b', { a: ack('a'), b: error('b') }, '5ms 2');
  });

  test('an ack that the peer has not shown to want leaves when the credit is used up, so that a peer with very many files is not left waiting', () => {
    inVirtualTime('a', { a: ack('a') }, 'a', { high: 0, low: 0 });
  });

  test('an ack that the peer has not shown to want waits however long the connection is not read: a slow disk is no quiet period of the peer', () => {
    const acts = {
      p: (_: ReplyWriter, ackDelay: AckDelay) => ackDelay.setListening(false),
      a: ack('a'),
      r: (_: ReplyWriter, ackDelay: AckDelay) => ackDelay.setListening(true),
    };
    inVirtualTime('p 9ms a 89ms r', acts, '121ms a');
  });

  test('an ack that the peer has not shown to want waits much longer in the middle of a frame, where no peer waits for an answer', () => {
    const inFrame: Act = (_, ackDelay) => ackDelay.setInFrame(true);
    inVirtualTime('(fa)', { f: inFrame, a: ack('a') }, '801ms a');
  });

  test('an ack that the peer has not shown to want waits the less the more of them there are', () => {
    inVirtualTime('(ab)', { a: ack('a'), b: ack('b') }, '11ms 2');
    inVirtualTime('(abcdefgh)', Object.fromEntries([...'abcdefgh'].map((it) => [it, ack(it)])), '6ms 8');
  });

  /** The peer is heard, and acks for what it sent are held. */
  const say =
    (...texts: readonly string[]): Act =>
    (writer, ackDelay) => {
      ackDelay.onActivity();
      for (const text of texts) ack(text)(writer);
    };

  test('an ack that the peer has not shown to want waits no longer once the peer said nothing for long, and went on as soon as it got one', () => {
    inVirtualTime('a 21ms b', { a: say('a'), b: say('b') }, '21ms a 0ms b');
  });

  test('an ack that the peer has not shown to want waits no longer once it did so twice for a shorter time', () => {
    const acts = { a: say('a', 'b'), b: say('a', 'b'), c: say('c') };
    inVirtualTime('a 11ms b 11ms c', acts, '11ms 2 11ms 2 0ms c');
  });

  test('an ack that the peer has not shown to want still waits when the peer went on long after it got one', () => {
    inVirtualTime('a 60ms b 60ms c', { a: say('a'), b: say('b'), c: say('c') }, '21ms a 60ms b 60ms c');
  });
});

/** An writer whose writes settle when the test says so. */
function written() {
  const chunks: Uint8Array[] = [];
  const settles: (() => void)[] = [];
  const [here] = memoryPair();
  const window = createBudget({ high: 1e9, low: 1e8 }).window({ high: 1e9, low: 1e8 }, () => {});
  const writer = createReplyWriter({
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
  return { writer, window, chunks, settle: () => settles.shift()?.() };
}

describe('memory that replies were gathered in', () => {
  test('memory that replies were gathered in is let go of with them when they were many, so that a peer that reads late leaves nothing behind', () => {
    const { writer, window, chunks, settle } = written();
    const reply = (bytes: number) => {
      writer.reply(new Uint8Array(bytes), true);
      writer.flush();
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

  test('memory that replies were gathered in takes the next replies when it is small', () => {
    const { writer, chunks, settle } = written();
    for (let i = 0; i < 3; i++) {
      writer.reply(new Uint8Array(10), true);
      writer.flush();
      settle();
    }
    expect(new Set(chunks.map(({ buffer }) => buffer)).size).toBe(1);
  });

  test('memory that replies were gathered in leaves in writes so small that a slow peer is seen to read', () => {
    const { writer, window, chunks, settle } = written();
    for (let i = 0; i < 4_000; i++) writer.reply(new Uint8Array(1_000), true);
    writer.body(new Uint8Array(256 * 1024), () => {});
    writer.flush();
    const writes = writesOf(chunks, settle);
    expect(writes.reduce((sum, bytes) => sum + bytes, 0)).toBe(4_000_000 + 256 * 1024);
    for (const write of writes) expect(write).toBeLessThan(2 * 256 * 1024 + 1_000);
    expect(writes.length).toBeLessThan(30);
    expect(window.unsettled()).toBe(0);
  });
});

test('a reply of any length leaves in writes so small that a slow peer is seen to read, in order and without a copy', () => {
  const { writer, window, chunks, settle } = written();
  const replies = [10, 3_000_000, 20_000, 600_001, 1].map((length, at) => new Uint8Array(length).fill(at));
  for (const reply of replies) writer.reply(reply, true);
  expect(window.unsettled()).toBe(3_620_012);
  writer.flush();
  const writes = writesOf(chunks, settle);
  expect(Buffer.concat(chunks).equals(Buffer.concat(replies))).toBe(true);
  for (const write of writes) expect(write).toBeLessThan(2 * 256 * 1024);
  expect(chunks.filter(({ buffer }) => buffer === replies[1]!.buffer).length).toBeGreaterThan(1);
  expect(window.unsettled()).toBe(0);
});

describe('a wait for the peer to read', () => {
  /** A writer whose writes settle when the test says so. */
  function writing() {
    const settles: ((fault?: ConnectionFault) => void)[] = [];
    const [here] = memoryPair();
    const writer = createReplyWriter({
      connection: { ...here, write: (_, settled) => settles.push(settled) },
      window: createBudget({ high: 1e9, low: 1e9 }).window({ high: 1e9, low: 1e9 }, () => {}),
      ackDelay: createAckDelay(new TestScheduler(() => {}), silence, () => {}),
      receiving: () => 0,
      sent: () => {},
      failed: () => {},
    });
    // The first write takes some of it, and the rest is more than the peer should have to read.
    for (let i = 0; i < 100; i++) writer.reply(new Uint8Array(60_000), true);
    writer.flush();
    return { writer, settle: (fault?: ConnectionFault) => settles.shift()!(fault) };
  }
  const gone: ConnectionFault = { code: 'reset', message: 'gone' };

  test('a wait for the peer to read goes on while much of what was sent before is not read', () => {
    const { writer, settle } = writing();
    let calls = 0;
    writer.whenLow(() => calls++);
    settle();
    expect(calls).toBe(0);
  });

  test('a wait for the peer to read ends when a write fails: the peer reads nothing any more', () => {
    const { writer, settle } = writing();
    let calls = 0;
    writer.whenLow(() => calls++);
    settle(gone);
    expect(calls).toBe(1);
  });

  test('a wait for the peer to read that begins again when a write fails ends with the next write, and one that was cancelled does not end', () => {
    const { writer, settle } = writing();
    let calls = 0;
    let cancel = () => {};
    const again = (): void => {
      calls++;
      cancel();
      writer.whenLow(again);
    };
    writer.whenLow(again);
    cancel = writer.whenLow(() => expect.unreachable());
    settle(gone);
    expect(calls).toBe(1);
    settle(gone);
    expect(calls).toBe(2);
  });
});
