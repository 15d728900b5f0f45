/** What becomes of a put whose body breaks off. */
import { describe, expect, test } from 'vitest';
import { createPutTask } from '../../../src/files/effects/put-task.ts';
import { serviceFault } from '../../../src/files/protocol/errors.ts';
import type { EffectResult } from '../../../src/files/session/event.ts';
import type { MaybeAsync, PutOptions, Sink, Store } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';

/** A store that takes a turn to begin a put, as one on a disk does. */
const slow = (store: Store): Store => ({
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
