/** When the bytes of requests leave, while the content of one of them is slow. */
import { expect, test, vi } from 'vitest';
import { bytesContent, type Content } from '../../../src/client/content/content.ts';
import { streamContent } from '../../../src/client/content/stream-content.ts';
import type { Outbound } from '../../../src/client/pipeline/client-request.ts';
import { createFrameSender } from '../../../src/client/pipeline/frame-sender.ts';
import { pattern } from '../../transport/connection-helpers.ts';
import { played } from '../served.ts';

test('a stream that comes a little at a time holds up neither its own bytes nor the requests before it', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  try {
    const { client, requests } = played();
    let give: (bytes: Uint8Array) => void = () => {};
    async function* trickle() {
      for (;;) yield await new Promise<Uint8Array>((resolve) => (give = resolve));
    }
    const body = streamContent(trickle(), { size: 100_000 });
    client.request({ cmd: 'ping' }).subscribe({ error: () => {} });
    client.request({ cmd: 'sum', salt: 0 }, { body }).subscribe({ error: () => {} });
    for (let bytes = 0; bytes < 20; bytes++) {
      await new Promise((resolve) => setImmediate(resolve));
      vi.advanceTimersByTime(1);
      give(pattern(1));
    }
    expect(requests).toMatchObject([{ whole: true }, { header: { cmd: 'sum' }, whole: false }]);
    expect(requests[1]?.body).toBeGreaterThan(0);
  } finally {
    vi.useRealTimers();
  }
});

test.each<[string, () => Content | Promise<Content>]>([
  ['is there at once', () => bytesContent(pattern(10))],
  ['comes later', async () => bytesContent(pattern(10))],
  ['is read later', () => ({ size: 10, read: async () => 10 })],
  ['cannot be opened', () => fail()],
  ['cannot be opened later', async () => fail()],
  ['cannot be read', () => ({ size: 10, read: fail })],
  ['cannot be read later', () => ({ size: 10, read: async () => fail() })],
])('the peer is not to blame for the time of content that %s, and is for all other time', async (_, open) => {
  const under = [0];
  let underOpening: number | undefined;
  const over = new Promise<void>((resolve) => {
    const request: Outbound = {
      header: () => ({ cmd: 'put' }),
      open: () => {
        underOpening = under.at(-1);
        return open();
      },
      status: () => 'wanted',
      begun: () => {},
      withdrawn: () => {},
      taken: () => {},
      sent: () => resolve(),
      failed: () => resolve(),
    };
    const requests = [request];
    const sender = createFrameSender({
      connection: { write: (_chunks, settled) => settled() },
      next: () => requests.shift() ?? null,
      onPoisoned: () => {},
      onWriteFault: () => {},
      reading: (begins) => under.push(under.at(-1)! + (begins ? 1 : -1)),
    });
    sender.wake();
  });
  await over;
  expect(underOpening).toBe(1);
  expect(under.filter((count) => count !== 0 && count !== 1)).toEqual([]);
  expect(under.at(-1)).toBe(0);
});

function fail(): never {
  throw new Error('unreadable');
}
