import { VirtualTimeScheduler } from 'rxjs';
import { expect, test } from 'vitest';
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
