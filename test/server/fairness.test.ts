/** Who is heard first, counted in what is done for the others meanwhile. */
import { Subject } from 'rxjs';
import { expect, test } from 'vitest';
import { serve } from '../../src/server/serve.ts';
import type { ServerStats } from '../../src/server/status.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import type { ListenEvent } from '../../src/transport/listen-event.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';
import { frame, peer } from '../support/network/peer.ts';

test('a new connection is answered within a few rounds, however many others send as much as they can', async () => {
  const connections$ = new Subject<ListenEvent>();
  let stats = (): ServerStats => expect.unreachable();
  const server = serve({
    connections$,
    store: memoryStore(),
    stats: (read) => {
      stats = read;
    },
  }).subscribe();
  const connect = () => {
    const [theirs, ours] = memoryPair();
    connections$.next({ type: 'connection', connection: ours });
    return peer(theirs);
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  const busy = 128;
  const large = frame({ cmd: 'ping', x: Array.from({ length: 20_000 }, () => []) });
  for (let i = 0; i < busy; i++) void connect().send(large, large, large, large);
  while (stats().requests < busy / 4) await turn();

  const newcomer = connect();
  const before = stats().requests;
  void newcomer.send(frame({ cmd: 'ping', id: 1 }));
  expect(await newcomer.replies(1)).toEqual([{ ack: 'ping', id: 1 }]);
  // Behind all that were there before it would be 128 and more.
  expect(stats().requests - before).toBeLessThan(busy / 2);
  server.unsubscribe();
});
