import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { createReplies } from '../../../src/actor/framed/replies.ts';

test('the last 1,024 keys whose reply did not come in time are remembered, and the oldest forgotten first', () => {
  const scheduler = new VirtualTimeScheduler();
  const replies = createReplies<string>(scheduler);
  for (let key = 0; key <= 1024; key++) replies.expect(key, 1000 + key).promise.catch(() => {});
  scheduler.flush();
  expect(replies.pending()).toBe(0);
  expect(() => replies.expect(1, 1000)).toThrow('the key "1" did not come in time');
  expect(() => replies.expect(1024, 1000)).toThrow('the key "1024" did not come in time');
  replies.expect(0, 1000).promise.catch(() => {});
  expect(replies.pending()).toBe(1);
  // A late reply is dropped, and frees its key.
  expect(replies.take(1, 'late', true)).toBe(true);
  expect(replies.take(1, 'again', true)).toBe(false);
  replies.expect(1, 1000).promise.catch(() => {});
  expect(replies.pending()).toBe(2);
});

describe('a request that was withdrawn', () => {
  test('a request that was withdrawn gets no reply: the next one by order gets it', async () => {
    const scheduler = new VirtualTimeScheduler();
    const replies = createReplies<string>(scheduler);
    const [first, second, third] = [1, 2, 3].map(() => replies.expect(undefined, 1000));
    first!.withdraw(new Error('not sent'));
    third!.withdraw(new Error('not sent either'));
    await expect(first!.promise).rejects.toThrow('not sent');
    await expect(third!.promise).rejects.toThrow('not sent either');
    expect(replies.pending()).toBe(1);
    expect(replies.take(undefined, 'reply', false)).toBe(true);
    expect(await second!.promise).toBe('reply');
    expect(replies.take(undefined, 'no reply', false)).toBe(false);
    // Nothing waits any more for its time to be over.
    scheduler.flush();
    expect(scheduler.now()).toBe(0);
  });

  test('a request that was withdrawn leaves its key to the next request', async () => {
    const replies = createReplies<string>(new VirtualTimeScheduler());
    const first = replies.expect('key', 1000);
    first.withdraw(new Error('not sent'));
    await expect(first.promise).rejects.toThrow('not sent');
    const second = replies.expect('key', 1000);
    expect(replies.take('key', 'reply', true)).toBe(true);
    expect(await second.promise).toBe('reply');
  });
});
