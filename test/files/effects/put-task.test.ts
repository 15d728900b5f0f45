/** What becomes of a put whose body breaks off. */
import { describe, expect, test } from 'vitest';
import { createPutTask } from '../../../src/files/effects/put-task.ts';
import { serviceFault } from '../../../src/files/protocol/errors.ts';
import type { EffectResult } from '../../../src/files/session/event.ts';
import type { FileStore, MaybeAsync, PutOptions, Sink } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { pattern, turns } from '../../transport/connection-helpers.ts';

/** A store that takes a turn to begin a put, as one on a disk does. */
const slow = (store: FileStore): FileStore => ({
  ...store,
  put: async (name, options): Promise<Awaited<MaybeAsync<Sink>>> => store.put(name, options),
});

async function brokenOff(options: PutOptions, store = memoryStore()) {
  let settled = 0;
  let result: EffectResult | null | undefined;
  const over = new Promise<void>((resolve) => {
    const task = createPutTask(
      {
        store: slow(store),
        acquireFile: (go) => go(),
        onInternalError: (thrown) => {
          throw thrown;
        },
        synced: () => {},
        finished: (what) => {
          result = what;
          resolve();
        },
      },
      'a',
      options,
    );
    task.write(Buffer.from('hello'), () => {
      settled++;
    });
    task.abort();
  });
  await over;
  return { store, settled, result };
}

describe('a put that breaks off', () => {
  test('a put that breaks off with an upload keeps all that has arrived, though none of it was written yet', async () => {
    const { store, settled, result } = await brokenOff({ size: 9, upload: 'u' });
    expect(await store.resume('u')).toMatchObject({ ok: true, value: { offset: 5 } });
    expect({ settled, result }).toEqual({ settled: 1, result: null });
  });

  test('a put that breaks off without one keeps nothing', async () => {
    const { store, settled, result } = await brokenOff({ size: 9 });
    expect(store.sinks).toBe(0);
    expect({ settled, result }).toEqual({ settled: 1, result: null });
  });
});

describe('a sink whose write fails', () => {
  test('a sink whose write fails is not asked for anything more, though the credit that comes back brings more of the body at once', async () => {
    const error = serviceFault('disk-full');
    let writes = 0;
    const answers: (() => void)[] = [];
    const sink: Sink = {
      write: () => {
        writes++;
        const later = new Promise<void>((go) => answers.push(go));
        return later.then(() => ({ ok: false, error }));
      },
      sync: () => expect.unreachable(),
      commit: () => expect.unreachable(),
      abort: () => expect.unreachable(),
    };
    const result = await new Promise((resolve) => {
      const large = new Uint8Array(400_000);
      let more = 1;
      const task = createPutTask(
        {
          store: { ...memoryStore(), put: () => ({ ok: true, value: sink }) },
          acquireFile: (go) => go(),
          onInternalError: (thrown) => {
            throw thrown;
          },
          synced: () => {},
          finished: resolve,
        },
        'a',
        { size: 1e6 },
      );
      const write = () => task.write(large, settled);
      const settled = () => {
        if (more-- > 0) write();
      };
      write();
      answers[0]!();
    });
    expect({ result, writes }).toEqual({ result: { of: 'write', ok: false, error }, writes: 1 });
  });
});

/** A put whose sink answers a write when the test says so, and everything else at once, and what happens in it. */
function scripted(options: PutOptions) {
  const happened: unknown[] = [];
  const script = { taken: () => {}, answerWrite: () => {} };
  const note = (what: string) => void happened.push(what);
  const sink: Sink = {
    write: () => {
      note('write');
      return new Promise((resolve) => {
        script.answerWrite = () => resolve({ ok: true, value: undefined });
      });
    },
    sync: () => {
      note('sync');
      return { ok: true, value: { offset: 5, crc32: 0 } };
    },
    commit: () => {
      note('commit');
      return { ok: false, error: serviceFault('disk-full') };
    },
    abort: () => note('abort'),
  };
  const task = createPutTask(
    {
      store: {
        ...memoryStore(),
        put: (_, { taken = () => {} }) => {
          script.taken = taken;
          return { ok: true, value: sink };
        },
      },
      acquireFile: (go) => go(),
      onInternalError: (thrown) => {
        throw thrown;
      },
      synced: () => note('synced'),
      finished: (result) => void happened.push(result),
    },
    'a',
    options,
  );
  return { task, happened, script, settled: () => note('settled') };
}

describe('a put whose upload another connection takes over', () => {
  const taken = { of: 'write', ok: false, error: serviceFault('upload-taken') };

  test('a put that is idle when its upload is taken fails at once, and calls the sink no more', () => {
    const { task, happened, script, settled } = scripted({ size: 9, upload: 'u' });
    script.taken();
    task.write(pattern(5), settled);
    task.commit();
    expect(happened).toEqual([taken, 'settled']);
  });

  test('a put that is busy when its upload is taken gives the credit of its queue back, and fails when the sink has answered', async () => {
    const { task, happened, script, settled } = scripted({ size: 9, upload: 'u' });
    task.write(pattern(4), () => {});
    task.flush();
    task.write(pattern(5), settled);
    task.sync();
    script.taken();
    expect(happened).toEqual(['write', 'settled']);
    script.answerWrite();
    await turns(1);
    expect(happened).toEqual(['write', 'settled', taken]);
  });
});

describe('a put that is asked for a sync', () => {
  test('a put that is asked for a sync and a commit during a write makes the commit alone, whose answer includes the sync', async () => {
    const { task, happened, script } = scripted({ size: 5 });
    task.write(pattern(5), () => {});
    task.flush();
    task.sync();
    task.commit();
    script.answerWrite();
    await turns(1);
    const failed = { of: 'commit', ok: false, error: serviceFault('disk-full') };
    expect(happened).toEqual(['write', 'commit', failed]);
  });

  test('a put that is asked for several syncs during a write makes one', async () => {
    const { task, happened, script } = scripted({ size: 9 });
    task.write(pattern(5), () => {});
    task.flush();
    task.sync();
    task.sync();
    script.answerWrite();
    await turns(1);
    expect(happened).toEqual(['write', 'sync', 'synced']);
  });
});
