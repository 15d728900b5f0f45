import type { Stats } from 'node:fs';
import { expect, it, vi } from 'vitest';
import type { FileSystem } from '../../../../src/store/disk/file-system.ts';
import { NO_COOLDOWN } from '../../../../src/store/disk/io/cooldown.ts';
import type { IoState } from '../../../../src/store/disk/io/io-state.ts';
import { lstatAll } from '../../../../src/store/disk/io/names.ts';
import { NO_SPARE_CORE } from '../../../../src/store/disk/io/spare-core.ts';
import { run } from '../../../../src/store/task.ts';

const PATHS = ['a', 'b', 'absent', 'd'];

/** A disk on which a lookup on the event loop takes so many milliseconds, by the path; else none. */
function diskWith(delays: Readonly<Record<string, number>>, usesPool = true) {
  const calls: string[] = [];
  let now = 1_000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const statsOf = (path: string) => (path === 'absent' ? undefined : ({ path } as unknown as Stats));
  const fs = {
    lstatSync(path: string) {
      calls.push(`at once ${path}`);
      now += delays[path] ?? 0;
      return statsOf(path);
    },
    lstat(path: string, callback: (error: Error | null, stats?: Stats) => void) {
      calls.push(`pool ${path}`);
      const error = Object.assign(new Error('nothing is there'), { code: 'ENOENT', syscall: 'lstat' });
      queueMicrotask(() => (path === 'absent' ? callback(error) : callback(null, statsOf(path))));
    },
  } as unknown as FileSystem;
  const state: IoState = {
    ...{ fs, usesPool, spareCore: NO_SPARE_CORE, closeUnused: () => false },
    ...{ cooldown: NO_COOLDOWN, lookups: NO_COOLDOWN },
  };
  return {
    calls,
    wait: (ms: number) => {
      now += ms;
    },
    lookUp: async () => run(lstatAll(state, PATHS)),
  };
}

const ALL = [{ path: 'a' }, { path: 'b' }, undefined, { path: 'd' }];

it('what the system has in its memory is looked up at once', async () => {
  const { calls, lookUp } = diskWith({ a: 0.5, b: 0.5, d: 0.5 });
  expect(await lookUp()).toEqual(ALL);
  expect(calls).toEqual(PATHS.map((path) => `at once ${path}`));
});

it('from the first lookup that is late the pool has the others, and all for a tenth of a second', async () => {
  const { calls, wait, lookUp } = diskWith({ b: 2.5 });
  expect(await lookUp()).toEqual(ALL);
  expect(calls).toEqual(['at once a', 'at once b', 'pool absent', 'pool d']);
  calls.length = 0;
  expect(await lookUp()).toEqual(ALL);
  expect(calls).toEqual(PATHS.map((path) => `pool ${path}`));
  calls.length = 0;
  wait(100);
  await lookUp();
  expect(calls.slice(0, 2)).toEqual(['at once a', 'at once b']);
});

it('a disk that stays slow holds the event loop up for one lookup in two seconds', async () => {
  const { calls, wait, lookUp } = diskWith({ a: 20 });
  for (let tenths = 0; tenths < 100; tenths++) {
    await lookUp();
    wait(100);
  }
  expect(calls.filter((call) => call === 'at once a').length).toBeLessThanOrEqual(3 + 10 / 2);
  expect(calls).not.toContain('at once b');
});

it('where small calls are made on the event loop anyway, late lookups are too', async () => {
  const { calls, lookUp } = diskWith({ a: 20 }, false);
  expect(await lookUp()).toEqual(ALL);
  expect(calls).toEqual(PATHS.map((path) => `at once ${path}`));
});
