/** Files that are sent, and what is seen of the objects of a store meanwhile. */
import { describe, expect, test } from 'vitest';
import { defaultLimits } from '../../../src/server/limits.ts';
import type { FileStore, Source } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { frame, peer } from '../../support/network/peer.ts';
import { servedInMemory } from '../../support/sessions/served-in-memory.ts';

describe('a source', () => {
  test('a source that refers to its whole store is neither walked nor charged: only what is said of the file is', async () => {
    let looks = 0;
    const inner = memoryStore();
    /** Megabytes that belong to the store. */
    const cache = Array.from({ length: 100 }, (_, i) => `${i}${'x'.repeat(100_000)}`);
    const store: FileStore = { ...inner, open: (name) => ({ ok: true, value: sourceOf(name) }) };
    function sourceOf(name: string): Source {
      const source = {
        name,
        size: 3,
        mtime: 7,
        crc32: 42,
        cache,
        read: (_: number, length: number) => ({ ok: true as const, value: new Uint8Array(length) }),
        close: () => {},
      };
      return Object.defineProperty(source, 'store', {
        enumerable: true,
        get: () => {
          looks++;
          return store;
        },
      });
    }
    const served = servedInMemory(store, {
      // The result alone would use that up.
      window: { high: 1_000_000, low: 500_000 },
      budget: defaultLimits.budget,
    });
    const client = peer(served.connect());
    for (let i = 1; i <= 3; i++) {
      await client.send(frame({ cmd: 'get', filename: 'a' }));
      expect((await client.replies(i)).at(-1)).toMatchObject({ ack: 'get', size: 3, crc32: 42, body: 3 });
      expect(served.stats().unsettled).toBeLessThan(1_000_000);
    }
    expect(looks).toBe(0);
    client.connection.end();
    await client.over;
    await served.end();
    expect((await client.bodies()).length).toBe(9);
    expect(served.stats().unsettled).toBe(0);
  });

  test('a source that cannot be read is an internal error, and the peer is dropped', async () => {
    const store: FileStore = {
      ...memoryStore(),
      open: (name) => ({
        ok: true,
        value: { name, size: 3, mtime: 0, read: () => undefined as never, close: () => {} },
      }),
    };
    const served = servedInMemory(store);
    const client = peer(served.connect());
    await client.send(frame({ cmd: 'get', filename: 'a' }));
    expect(await client.over).toMatchObject({ code: 'reset' });
    const events = await served.end();
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'internal-error',
        thrown: expect.objectContaining({ message: expect.stringContaining('has answered undefined') }),
      }),
    );
    expect(served.stats()).toMatchObject({ connections: 0, unsettled: 0 });
  });
});
