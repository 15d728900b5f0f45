/** The client over TCP, with the bytes cut anew between it and the server, in both directions. */
import { firstValueFrom, lastValueFrom, mergeMap, reduce, Subscription } from 'rxjs';
import { expect, test } from 'vitest';
import { connectClient } from '../../src/client/connect.ts';
import { bytesContent } from '../../src/client/content/content.ts';
import { serve } from '../../src/server/serve.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { listenTcp } from '../../src/transport/socket/tcp.ts';
import { type Pieces, startFaultProxy } from '../support/network/fault-proxy.ts';
import { pattern } from '../transport/connection-helpers.ts';

test.each([
  ['bytes', 20],
  ['random', 2000],
  ['coalesce', 2000],
] satisfies [Pieces, number][])('puts and gets survive %s', async (pieces, step) => {
  const store = memoryStore();
  const events$ = serve({ connections$: listenTcp({ port: 0 }), store, limits: { linger: 100 } });
  const serving = new Subscription();
  const port = await new Promise<number>((resolve) => {
    serving.add(events$.subscribe((event) => event.type === 'listening' && resolve(event.port)));
  });
  const proxy = await startFaultProxy({
    target: () => port,
    seed: 11,
    plan: () => ({ up: { pieces }, down: { pieces } }),
  });
  const client = await firstValueFrom(connectClient({ host: '127.0.0.1', port: proxy.port }));
  const sizes = Array.from({ length: 30 }, (_, i) => i * step);
  const back = await Promise.all(
    sizes.map(async (size, i) => {
      const name = `d/${i}`;
      const put = lastValueFrom(client.put(name, bytesContent(pattern(size, i))));
      const refused = lastValueFrom(client.put(`../${i}`, bytesContent(pattern(size)))).catch(
        (fault) => fault,
      );
      const got = client.get(name).pipe(
        mergeMap(({ bytes$ }) => bytes$),
        reduce((all, bytes) => Buffer.concat([all, bytes]), Buffer.alloc(0)),
      );
      const [, bytes, fault] = await Promise.all([put, lastValueFrom(got), refused]);
      expect(fault).toMatchObject({ code: 'refused' });
      return Buffer.compare(bytes, pattern(size, i));
    }),
  );
  expect(back.every((difference) => difference === 0)).toBe(true);
  client.end();
  expect(await firstValueFrom(client.closed$)).toBe(null);
  proxy.close();
  serving.unsubscribe();
});
