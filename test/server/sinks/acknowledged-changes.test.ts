/** The events of a log for a program: they come until they are acknowledged. */
import { firstValueFrom, take, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { startServer } from '../../../src/server/start-server.ts';
import { openChangeLog } from '../../../src/store/changes/open-change-log.ts';
import { put, value } from '../../../src/store/conformance/case.ts';
import { openDiskStore } from '../../../src/store/disk/disk-store.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

test('a server gives what happens to files until it is acknowledged, after a restart too', async () => {
  const root = tempFolder();
  for (const [life, expected] of [['a', 'b'], ['b']].entries()) {
    const changes = await value(openChangeLog(root, { sinks: ['library'] }));
    const store = await value(openDiskStore(root, { changes }));
    const server = startServer({ port: 0, store, changes });
    if (life === 0) for (const name of expected) await value(put(store, name, '1'));
    const items = await firstValueFrom(server.changes$.pipe(take(expected.length), toArray()));
    expect(items.map(({ event }) => event.name)).toEqual(expected);
    // The first of two, while somebody listens.
    const subscription = server.changes$.subscribe(({ event, ack }) => {
      if (event.name === 'a' || life === 1) ack();
    });
    await expect.poll(() => changes.cursor('library')).toBe(life + 1);
    subscription.unsubscribe();
    await server.close();
    await store.close();
    await changes.close();
  }
});

test('a server without a log has no events of files', async () => {
  const store = await value(openDiskStore(tempFolder()));
  const server = startServer({ port: 0, store });
  expect(await firstValueFrom(server.changes$.pipe(toArray()))).toEqual([]);
  await server.close();
  await store.close();
});
