import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Accept, withAccept } from '../../../src/store/accept/with-accept.ts';
import { bytes, put, refused, value } from '../../../src/store/conformance/case.ts';
import { storeContract } from '../../../src/store/conformance/suite.ts';
import type { FileStore, StagedContent } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { newDiskStore } from '../../support/stores/store-roots.ts';

const all: Accept = async () => null;
storeContract('memory, with a hook', (options) => ({ store: withAccept(memoryStore(options), all) }), {
  describe,
  it,
});
storeContract(
  'disk, with a hook',
  async (options) => {
    const { store, dispose } = await newDiskStore({ ...options, durability: 'os' });
    return { store: withAccept(store, all), ...(dispose === undefined ? {} : { dispose }) };
  },
  { describe, it },
);

const stores: Readonly<Record<string, () => Promise<{ store: FileStore; dispose?: () => unknown }>>> = {
  memory: async () => ({ store: memoryStore() }),
  'disk (os)': () => newDiskStore({ durability: 'os' }),
  'disk (fsync)': () => newDiskStore({ durability: 'fsync' }),
};

/** A hook that answers when it is told to. */
function heldHook() {
  const asked: { content: StagedContent; signal: AbortSignal; answer: (of: string | null) => void }[] = [];
  const accept: Accept = (content, signal) =>
    new Promise((answer) => asked.push({ content, signal, answer }));
  return { asked, accept };
}

const turns = async (count = 20) => {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
};

describe.each(Object.keys(stores))('a hook of a store: %s', (kind) => {
  const opened = async (accept: Accept, options?: Parameters<typeof withAccept>[2]) => {
    const { store, dispose } = await stores[kind]!();
    const asking = withAccept(store, accept, options);
    const end = async () => {
      await asking.close();
      await dispose?.();
    };
    return { store: asking, end };
  };

  it('it is asked of what is whole, before the file is seen, and the put waits for its answer', async () => {
    const { asked, accept } = heldHook();
    const { store, end } = await opened(accept);
    const stored = put(store, 'a/b', bytes('content'));
    await expect.poll(() => asked.length).toBe(1);
    const { content, answer } = asked[0]!;
    expect(content).toMatchObject({ name: 'a/b', size: 7, crc32: expect.any(Number) });
    if (kind !== 'memory') expect(readFileSync(content.path!, 'utf8')).toBe('content');
    await refused(store.stat('a/b'), 'not-found');
    expect(store.acceptCounts()).toEqual({ accepted: 0, rejected: 0, unanswered: 0, waiting: 1 });
    answer(null);
    await stored;
    expect((await value(store.stat('a/b'))).size).toBe(7);
    expect(store.acceptCounts()).toEqual({ accepted: 1, rejected: 0, unanswered: 0, waiting: 0 });
    await end();
  });

  it('a reason refuses the file with that reason, and nothing of it is left', async () => {
    let path: string | undefined;
    const { store, end } = await opened((content) => {
      path = content.path;
      return 'it has a virus';
    });
    const sink = await value(store.put('a', { size: 1, upload: 'key' }));
    await value(sink.write([bytes('x')]));
    expect(await sink.commit()).toMatchObject({
      ok: false,
      error: { code: 'rejected', reason: 'it has a virus' },
    });
    await refused(store.stat('a'), 'not-found');
    expect(await value(store.resume('key'))).toMatchObject({ offset: 0 });
    expect(store.unfinished()).toEqual({ count: 0, bytes: 0 });
    if (path !== undefined) expect(existsSync(path)).toBe(false);
    await end();
  });

  it('without an answer in time a file is refused for now, its upload keeps what it has, and the hook is told', async () => {
    const why: string[] = [];
    const { asked, accept } = heldHook();
    const onUnanswered = (_: StagedContent, { message }: Error) => void why.push(message);
    const { store, end } = await opened(accept, { timeout: 20, onUnanswered });
    const sink = await value(store.put('a', { size: 1, upload: 'key' }));
    await value(sink.write([bytes('x')]));
    expect(await sink.commit()).toMatchObject({ ok: false, error: { code: 'unavailable' } });
    expect(asked[0]!.signal.aborted).toBe(true);
    expect(why).toEqual(['no answer within 20 ms']);
    expect(await value(store.resume('key'))).toMatchObject({ offset: 1 });
    await end();
  });

  it('a hook that throws has not answered, and the operator may have the file stored then', async () => {
    const failing: Accept = () => {
      throw new Error('the scanner is gone');
    };
    const strict = await opened(failing);
    const sink = await value(strict.store.put('a', { size: 0 }));
    expect(await sink.commit()).toMatchObject({ ok: false, error: { code: 'unavailable' } });
    await strict.end();
    const lax = await opened(failing, { unanswered: 'store' });
    await put(lax.store, 'a', bytes('x'));
    expect(lax.store.acceptCounts()).toMatchObject({ unanswered: 1 });
    await lax.end();
  });

  it('content that is wrong is refused without a question', async () => {
    const { asked, accept } = heldHook();
    const { store, end } = await opened(accept);
    const sink = await value(store.put('a', { size: 1, crc32: 1 }));
    await value(sink.write([bytes('x')]));
    expect(await sink.commit()).toMatchObject({ ok: false, error: { code: 'crc-mismatch' } });
    expect(asked).toEqual([]);
    await end();
  });

  it('it is asked of so many files at once, in their order, and who has waited too long is not asked about', async () => {
    const { asked, accept } = heldHook();
    const { store, end } = await opened(accept, { atOnce: 2, timeout: 100_000 });
    const puts = ['a', 'b', 'c', 'd'].map((name) => put(store, name, bytes(name)));
    await expect.poll(() => store.acceptCounts().waiting).toBe(4);
    await turns();
    expect(asked).toHaveLength(2);
    for (let i = 0; i < 4; i++) {
      await expect.poll(() => asked.length).toBeGreaterThan(i);
      asked[i]!.answer(null);
    }
    await Promise.all(puts);
    const impatient = await opened(accept, { atOnce: 1, timeout: 20 });
    asked.length = 0;
    const results = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        const sink = await value(impatient.store.put(name, { size: 0 }));
        return sink.commit();
      }),
    );
    expect(results.map((result) => result.ok || result.error.code)).toEqual(
      ['a', 'b', 'c'].map(() => 'unavailable'),
    );
    expect(asked).toHaveLength(1);
    await end();
    await impatient.end();
  });

  it('closing the store ends what waits for an answer', async () => {
    const { asked, accept } = heldHook();
    const { store, end } = await opened(accept);
    const sink = await value(store.put('a', { size: 0 }));
    const committed = sink.commit();
    await expect.poll(() => asked.length).toBe(1);
    await end();
    expect(await committed).toMatchObject({ ok: false, error: { code: 'shutting-down' } });
    expect(asked[0]!.signal.aborted).toBe(true);
  });
});
