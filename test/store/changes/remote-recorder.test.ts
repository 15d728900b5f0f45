/** Stores of several processes that record in the log of one: what a process leaves behind is decided. */
import { renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Subject } from 'rxjs';
import { expect, onTestFinished, test } from 'vitest';
import { type Calls, type Channel, connectCalls } from '../../../src/base/calls.ts';
import type { ChangeLog, Intent } from '../../../src/store/changes/change-log.ts';
import { openChangeLog } from '../../../src/store/changes/open-change-log.ts';
import { remoteRecorder, shareRecorder } from '../../../src/store/changes/remote-recorder.ts';
import { put, value } from '../../../src/store/conformance/case.ts';
import { openDiskStore } from '../../../src/store/disk/disk-store.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

async function openLog(root: string): Promise<ChangeLog> {
  const log = await value(openChangeLog(root, { sinks: ['sink'], durability: 'os' }));
  onTestFinished(() => log.close());
  return log;
}

/** A process that records in a log, and its end. */
function worker(log: ChangeLog): { readonly calls: Calls; readonly die: () => void } {
  const toOwner = new Subject<unknown>();
  const toWorker = new Subject<unknown>();
  const through = (to: Subject<unknown>, from: Subject<unknown>): Channel => ({
    send: (message) => setImmediate(() => to.next(structuredClone(message))),
    messages$: from,
  });
  const { handlers, release } = shareRecorder(log);
  const owner = connectCalls(through(toWorker, toOwner), handlers);
  void owner.closed.then(release);
  const calls = connectCalls(through(toOwner, toWorker), {});
  const die = () => {
    toOwner.complete();
    toWorker.complete();
  };
  return { calls, die };
}

const stored = (name: string, ino: number): Intent => ({ type: 'stored', name, size: 1, ino });

test('a store records in the log of another process', async () => {
  const root = tempFolder();
  const log = await openLog(root);
  const stores = await Promise.all(
    [0, 1].map(() => value(openDiskStore(root, { changes: remoteRecorder(worker(log).calls) }))),
  );
  await Promise.all(stores.flatMap((store, i) => ['a', 'b'].map((name) => put(store, name, `${i}`))));
  await value(stores[0]!.remove('a'));
  await value(stores[1]!.rename('b', 'c'));
  for (const store of stores) await store.close();
  await expect.poll(async () => (await log.status()).last).toBe(6);
  const events = await log.read(0, 10);
  expect(events.slice(-2).map(({ type, name }) => `${type} ${name}`)).toEqual(['removed a', 'renamed c']);
});

test('what a process has begun that dies is decided by the files, and its names are free', async () => {
  const root = tempFolder();
  const log = await openLog(root);
  const { calls, die } = worker(log);
  const dead = remoteRecorder(calls);
  for (const name of ['staged', 'other']) writeFileSync(join(root, name), name);
  await value(dead.begin(stored('made', statSync(join(root, 'staged')).ino)));
  await value(dead.begin(stored('not-made', statSync(join(root, 'other')).ino)));
  await value(dead.claim(['claimed']));
  const waiting = dead.claim(['claimed']);
  renameSync(join(root, 'staged'), join(root, 'made'));
  die();
  expect(await waiting).toMatchObject({ ok: false, error: { code: 'unavailable' } });
  expect(await dead.begin(stored('late', 1))).toMatchObject({ ok: false, error: { code: 'unavailable' } });
  await value(log.claim(['made', 'not-made', 'claimed']));
  await expect.poll(async () => (await log.read(0, 10)).map(({ name }) => name)).toEqual(['made']);
});
