/**
 * From end to end over real sockets, with a proxy in between that cuts both directions anew: the client, the frames, the
 * session, the disk store and back.
 */
import { randomBytes } from 'node:crypto';

import { filter, firstValueFrom, lastValueFrom, mergeMap, ReplaySubject, toArray } from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import { connectClient } from '../../../src/client/connect.ts';
import { bytesContent } from '../../../src/client/content/content.ts';
import type { ServerEvent } from '../../../src/server/event.ts';
import { serve } from '../../../src/server/serve.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { listenTcp } from '../../../src/transport/socket/tcp.ts';
import { type Pieces, startFaultProxy } from '../../support/network/fault-proxy.ts';
import { newDiskStore, storedIn, temporariesIn } from '../../support/stores/store-roots.ts';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of cleanUp.splice(0).reverse()) await each();
});

async function through(pieces: Pieces, seed: number, slowed: (store: FileStore) => FileStore = (it) => it) {
  const { store, root, dispose } = await newDiskStore({ durability: 'fsync' });
  cleanUp.push(
    () => dispose?.(),
    () => store.close(),
  );
  const events$ = new ReplaySubject<ServerEvent>();
  const server = serve({ connections$: listenTcp({ port: 0 }), store: slowed(store) }).subscribe(events$);
  cleanUp.push(() => server.unsubscribe());
  const { port } = await firstValueFrom(events$.pipe(filter((event) => event.type === 'listening')));
  const proxy = await startFaultProxy({
    target: () => port,
    seed,
    plan: () => ({ up: { pieces }, down: { pieces } }),
  });
  cleanUp.push(() => proxy.close());
  const client = await firstValueFrom(connectClient({ host: '127.0.0.1', port: proxy.port }));
  cleanUp.push(() => client.destroy());
  return { client, root };
}

type Connected = Awaited<ReturnType<typeof through>>;

/** Puts all of them at once, then gets all of them at once. */
async function roundTrip({ client, root }: Connected, files: ReadonlyMap<string, Buffer>): Promise<void> {
  await Promise.all([...files].map(([name, bytes]) => lastValueFrom(client.put(name, bytesContent(bytes)))));
  expect(temporariesIn(root)).toEqual([]);
  expect(storedIn(root).sort()).toEqual([...files.keys()].sort());
  const got = await Promise.all(
    [...files.keys()].map((name) =>
      lastValueFrom(
        client.get(name).pipe(
          mergeMap(({ bytes$ }) => bytes$),
          toArray(),
        ),
      ),
    ),
  );
  for (const [i, [name, bytes]] of [...files].entries()) {
    expect(bytes.equals(Buffer.concat(got[i]!)), `${name} comes back as it was sent`).toBe(true);
  }
}

const sizes = (largest: number): ReadonlyMap<string, Buffer> =>
  new Map(
    [0, 1, 2, 0, 255, 256, 4096, largest, 0].map((size, i) => [
      `folder-${i % 3}/名字 ${i}`,
      randomBytes(size),
    ]),
  );

describe('files sent and fetched come back the same', () => {
  test('files that are sent and fetched one byte at a time come back the same', async () => {
    await roundTrip(await through('bytes', 1), sizes(5_000));
  });

  test.each([1, 2, 3, 4])(
    'files that are sent and fetched in random pieces come back the same, seed %i',
    async (seed) => {
      await roundTrip(await through('random', seed), sizes(3_000_000));
    },
  );

  test('files that are sent and fetched glued together come back the same', async () => {
    await roundTrip(await through('coalesce', 1), sizes(3_000_000));
  });

  test('files come back the same when every write takes a turn or two, so that bodies wait in memory that is received into again', async () => {
    /** Writes late, and looks at the bytes only then: who gave them back too early would have them overwritten. */
    const late = (store: FileStore): FileStore => ({
      ...store,
      put: async (name, options) => {
        const opened = await store.put(name, options);
        if (!opened.ok) return opened;
        const sink = opened.value;
        const write: typeof sink.write = async (chunks) => {
          for (let turns = chunks.length % 4; turns >= 0; turns--)
            await new Promise((next) => setImmediate(next));
          return sink.write(chunks);
        };
        return {
          ok: true,
          value: { ...sink, write, commit: () => sink.commit(), abort: () => sink.abort() },
        };
      },
    });
    const connected = await through('random', 5, late);
    const files = Array.from(
      { length: 40 },
      (_, i) => [`f${i}`, randomBytes((i * 99_991) % 1_500_000)] as const,
    );
    await roundTrip(connected, new Map(files));
  });
});
