/** What has a `close` in Node can be declared with `await using`, and is closed at the end of the block. */
import { connect } from 'node:net';
import { join } from 'node:path';
import { EMPTY, NEVER } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { record } from '../../src/capture/record/record.ts';
import { recordInto } from '../../src/capture/record/record-directory.ts';
import { startOpsServer } from '../../src/server/ops-server.ts';
import { type RunningServer, startServer } from '../../src/server/start-server.ts';
import { put, refused, value } from '../../src/store/conformance/case.ts';
import type { FileStore } from '../../src/store/contract.ts';
import { openDiskStore } from '../../src/store/disk/disk-store.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { tempFolder } from '../support/stores/temp-folder.ts';

const NO_STATS = () => ({ connections: 0, requests: 0, received: 0, sent: 0, unsettled: 0 });

describe('await using', () => {
  test('a server is closed at the end of the block, before the store that stands above it', async () => {
    let store: FileStore | undefined;
    let atTheEnd: unknown;
    let server: RunningServer | undefined;
    {
      await using opened = memoryStore();
      await using started = startServer({ store: opened });
      await started.ready;
      [store, server] = [opened, started];
      void started.closed.then(() => {
        atTheEnd = opened.stat('a');
      });
    }
    expect(server.phase).toBe('closed');
    expect(atTheEnd).toMatchObject({ error: { code: 'not-found' } });
    await refused(store.stat('a'), 'shutting-down');
  });

  test('a block that throws closes the server too', async () => {
    let server: RunningServer | undefined;
    const block = async () => {
      await using started = startServer({ store: memoryStore() });
      server = started;
      await started.ready;
      throw new Error('thrown in the block');
    };
    await expect(block()).rejects.toThrow('thrown in the block');
    expect(server?.phase).toBe('closed');
  });

  test('a disk store is closed at the end of the block', async () => {
    let store: FileStore;
    {
      await using opened = await value(openDiskStore(tempFolder()));
      await value(put(opened, 'a', 'x'));
      store = opened;
    }
    await refused(store.stat('a'), 'shutting-down');
  });

  test.each([
    ['into a file', async () => record(join(tempFolder(), 'a.pcapng'))],
    ['into a folder', () => recordInto(tempFolder())],
  ])('a recording %s is ended at the end of the block', async (_, begin) => {
    let isEnded = false;
    {
      await using recorder = await begin();
      recorder.ends$.subscribe({ complete: () => (isEnded = true) });
      expect(isEnded).toBe(false);
    }
    expect(isEnded).toBe(true);
  });

  test('a server for metrics is closed at the end of the block', async () => {
    let port: number;
    {
      const started = await startOpsServer({ port: 0, events$: EMPTY, shutdown$: NEVER, stats: NO_STATS });
      if (!started.ok) throw new Error(started.error.message);
      await using server = started.value;
      ({ port } = server);
    }
    const code = await new Promise((resolve) => {
      connect(port, '127.0.0.1').on('error', ({ code }: NodeJS.ErrnoException) => resolve(code));
    });
    expect(code).toBe('ECONNREFUSED');
  });

  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
  const compiled = (() => {
    try {
      return AsyncFunction('start', 'await using server = start(); await server.ready; return server;');
    } catch {
      return null;
    }
  })();
  test.skipIf(compiled === null)('a server is closed where Node has the syntax itself', async () => {
    const server: RunningServer = await compiled(() => startServer({ store: memoryStore() }));
    expect(server.phase).toBe('closed');
  });
});
