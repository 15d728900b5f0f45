/** When the bytes of requests leave, while the content of one of them is slow. */
import { expect, test, vi } from 'vitest';
import { streamContent } from '../../../src/client/content/stream-content.ts';
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
