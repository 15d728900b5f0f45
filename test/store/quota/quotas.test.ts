/** Quotas: the used bytes always equal the sizes of the files, and never exceed a quota. */
import assert from 'node:assert/strict';
import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { withAccept } from '../../../src/store/accept/with-accept.ts';
import { bytes, pattern, put, refused, value } from '../../../src/store/conformance/case.ts';
import { storeContract } from '../../../src/store/conformance/suite.ts';
import type { FileStore, Outcome, Sink } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { err } from '../../../src/store/outcome.ts';
import { type Quota, withQuotas } from '../../../src/store/quota/quotas.ts';
import { cases } from '../../support/random/cases.ts';
import { newDiskStore } from '../../support/stores/store-roots.ts';

const ample: readonly Quota[] = [
  { prefix: '', bytes: 1e9 },
  { prefix: 'a', bytes: 1e9 },
];
storeContract(
  'memory, with quotas',
  (options) => ({ store: withQuotas(memoryStore(options), () => ample) }),
  {
    describe,
    it,
  },
);
storeContract(
  'disk, with quotas',
  async (options) => {
    const { store, dispose } = await newDiskStore({ ...options, durability: 'os' });
    return { store: withQuotas(store, () => ample), ...(dispose === undefined ? {} : { dispose }) };
  },
  { describe, it },
);

/** The bytes of the files below a prefix, as the store under the quotas lists them. */
async function sumOf(store: FileStore, prefix: string): Promise<number> {
  const { files } = await value(store.list({ prefix, limit: 10_000 }));
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** A quota of 100 bytes for all files, and one of 50 for those in `a/`. */
const small: readonly Quota[] = [
  { prefix: '', bytes: 100 },
  { prefix: 'a/', bytes: 50 },
];

async function storeWith(files: Readonly<Record<string, number>>, quotas = () => small) {
  const inner = memoryStore();
  for (const [name, size] of Object.entries(files)) await value(put(inner, name, pattern(size)));
  return { inner, store: withQuotas(inner, quotas) };
}

async function begun(store: FileStore, name: string, size: number): Promise<Sink> {
  const sink = await value(store.put(name, { size }));
  await value(sink.write([pattern(size)]));
  return sink;
}

describe('a put', () => {
  it('a put beyond the quota is refused before its content, with the figures', async () => {
    const { store } = await storeWith({ 'a/1': 30, b: 20 });
    const outcome = await store.put('a/2', { size: 21 });
    assert.ok(!outcome.ok);
    expect(outcome.error).toMatchObject({ code: 'quota-exceeded', quota: 50, used: 30, needed: 21 });
    await value(put(store, 'a/2', pattern(20)));
    await refused(store.put('c', { size: 31 }), 'quota-exceeded');
    await value(put(store, 'c', pattern(30)));
    await refused(store.put('d', { size: 1 }), 'quota-exceeded');
    await value(put(store, 'd', ''));
  });

  it('a put needs only the bytes that it has more than the file that it replaces', async () => {
    const { store } = await storeWith({ 'a/1': 50 });
    await value(put(store, 'a/1', pattern(50)));
    await refused(store.put('a/1', { size: 51 }), 'quota-exceeded');
    await value(put(store, 'a/1', pattern(10)));
    await value(put(store, 'a/2', pattern(40)));
  });

  it('a put reserves its bytes when it begins, and frees them when it breaks off', async () => {
    const { store } = await storeWith({});
    const first = await begun(store, 'a/1', 50);
    await refused(store.put('a/2', { size: 1 }), 'quota-exceeded');
    await first.abort();
    const second = await value(store.put('a/2', { size: 50 }));
    await refused(second.write([pattern(51)]), 'size-mismatch');
    const third = await value(store.put('a/3', { size: 50 }));
    await refused(third.commit(), 'size-mismatch');
    await refused(store.put('a/x/../y', { size: 1 }), 'bad-filename');
    await value(put(store, 'a/4', pattern(50)));
  });

  it('two puts to one name share a reservation, since one of them remains', async () => {
    const { store } = await storeWith({});
    const [one, two] = [await begun(store, 'a/1', 50), await begun(store, 'a/1', 40)];
    await refused(store.put('a/2', { size: 1 }), 'quota-exceeded');
    await value(one.commit());
    await value(two.commit());
    await value(put(store, 'a/2', pattern(10)));
  });

  it('a put does not count the file it replaces twice when that is removed meanwhile', async () => {
    const { store } = await storeWith({ 'a/1': 50 });
    const sink = await begun(store, 'a/1', 50);
    await value(store.remove('a/1'));
    await refused(store.put('a/2', { size: 1 }), 'quota-exceeded');
    await value(sink.commit());
    expect(store.usage()[1]).toMatchObject({ used: 50, reserved: 0 });
  });
});

describe('a removal and a rename', () => {
  it('a removal frees its bytes, and a rename moves them', async () => {
    const { store } = await storeWith({ 'a/1': 50, b: 10 });
    await refused(store.rename('b', 'a/2'), 'quota-exceeded');
    await value(store.rename('a/1', 'c'));
    await value(store.rename('b', 'a/2'));
    expect(store.usage().map(({ used }) => used)).toEqual([60, 10]);
    await value(store.remove('c'));
    expect(store.usage().map(({ used }) => used)).toEqual([10, 10]);
  });

  it('a removal or rename within one quota never needs more bytes', async () => {
    const { store } = await storeWith({ 'a/1': 20, 'a/2': 30 });
    await value(store.rename('a/1', 'a/3'));
    await value(store.rename('a/3', 'a/2'));
    expect(store.usage().map(({ used }) => used)).toEqual([20, 20]);
    await refused(store.rename('nothing', 'a/4'), 'not-found');
  });
});

describe('a rename under way', () => {
  /** A store whose renames happen when `go` is called. */
  async function slowRenames(files: Readonly<Record<string, number>>) {
    const { inner } = await storeWith(files);
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const rename: FileStore['rename'] = (...asked) => gate.then(() => inner.rename(...asked));
    return { store: withQuotas({ ...inner, rename }, () => small), go: () => go() };
  }

  it('a rename reserves its bytes when it begins, so that no other call takes them', async () => {
    const { store, go } = await slowRenames({ b: 30, c: 30 });
    const [first, second] = [store.rename('b', 'a/1'), store.rename('c', 'a/2')];
    await refused(store.put('a/3', { size: 21 }), 'quota-exceeded');
    go();
    await value(first);
    await refused(second, 'quota-exceeded');
    expect(store.usage()).toMatchObject([
      { used: 60, reserved: 0 },
      { used: 30, reserved: 0 },
    ]);
    await value(put(store, 'a/3', pattern(20)));
  });

  it('a rename that fails frees its reservation', async () => {
    const { store, go } = await slowRenames({ b: 30, 'a/1': 10 });
    const failing = store.rename('b', 'a/1', { ifAbsent: true });
    go();
    await refused(failing, 'exists');
    await value(put(store, 'a/3', pattern(40)));
  });

  it('a rename under way reserves nothing for its old name', async () => {
    const { store, go } = await slowRenames({ b: 60 });
    const moved = store.rename('b', 'c');
    await value(put(store, 'd', pattern(40)));
    go();
    await value(moved);
    expect(store.usage()).toMatchObject([
      { used: 100, reserved: 0 },
      { used: 0, reserved: 0 },
    ]);
  });

  it('a rename keeps the bytes that it shares with a put which breaks off meanwhile', async () => {
    const { store, go } = await slowRenames({ b: 40 });
    const sink = await begun(store, 'a/1', 50);
    const moved = store.rename('b', 'a/1');
    await sink.abort();
    await refused(store.put('a/2', { size: 11 }), 'quota-exceeded');
    go();
    await value(moved);
    expect(store.usage()).toMatchObject([
      { used: 40, reserved: 0 },
      { used: 40, reserved: 0 },
    ]);
    await value(put(store, 'a/2', pattern(10)));
  });
});

describe('the quotas', () => {
  it('a quota that is added is counted, with the puts under way', async () => {
    let quotas: readonly Quota[] = [{ prefix: 'x', bytes: 10 }];
    const { store } = await storeWith({ 'a/1': 30, x1: 9 }, () => quotas);
    await refused(store.put('x2', { size: 2 }), 'quota-exceeded');
    const before = await begun(store, 'a/2', 20);
    quotas = small;
    await value(put(store, 'x2', pattern(2)));
    await value(before.commit());
    expect(store.usage().map(({ used }) => used)).toEqual([61, 50]);
    await refused(store.put('a/3', { size: 1 }), 'quota-exceeded');
    quotas = [{ prefix: 'a/', bytes: 10 }];
    await refused(store.put('a/3', { size: 1 }), 'quota-exceeded');
    await value(put(store, 'a/1', pattern(5)));
  });

  it('a new quota counts the changes that were under way when it came', async () => {
    const inner = memoryStore();
    let quotas: readonly Quota[] = [];
    let go = () => {};
    const held = new Promise<void>((resolve) => (go = resolve));
    const put1: FileStore['put'] = async (name, options) => {
      const sink = await inner.put(name, options);
      if (!sink.ok) return sink;
      return { ok: true, value: { ...sink.value, commit: () => held.then(() => sink.value.commit()) } };
    };
    const store = withQuotas({ ...inner, put: put1 }, () => quotas);
    const committing = (await begun(store, 'a/1', 50)).commit();
    quotas = small;
    const next = store.put('a/2', { size: 1 });
    go();
    await value(committing);
    await refused(next, 'quota-exceeded');
    expect(store.usage().map(({ used }) => used)).toEqual([50, 50]);
  });

  it('the quota of the whole store counts unfinished uploads, those of puts under way once', async () => {
    const inner = memoryStore();
    let kept = 60;
    const store = withQuotas({ ...inner, unfinished: () => ({ count: 1, bytes: kept }) }, () => small);
    await refused(store.put('b', { size: 41 }), 'quota-exceeded');
    // The put resumes the stored upload: from here on its bytes count as those of the put.
    const sink = await store.put('b', { size: 100, upload: 'u', offset: 60 });
    if (sink.ok) {
      kept = 70;
      await sink.value.write([pattern(10)]);
      await refused(store.put('c', { size: 1 }), 'quota-exceeded');
      await sink.value.abort();
      await refused(store.put('c', { size: 31 }), 'quota-exceeded');
    }
    assert.ok(sink.ok || sink.error.code === 'bad-offset');
    const other = await value(store.put('c', { size: sink.ok ? 30 : 40 }));
    await other.abort();
  });

  it('a quota is counted again after an error that leaves the result of a change unknown', async () => {
    const inner = memoryStore();
    let fails = false;
    /** The answer; an error instead while `fails`, as if the last sync had failed. */
    const unsynced = async <T>(answer: Outcome<T> | Promise<Outcome<T>>): Promise<Outcome<T>> => {
      const outcome = await answer;
      return fails ? err('io-error') : outcome;
    };
    const store = withQuotas(
      {
        ...inner,
        put: async (name, options) => {
          const sink = await inner.put(name, options);
          if (!sink.ok) return sink;
          return { ok: true, value: { ...sink.value, commit: () => unsynced(sink.value.commit()) } };
        },
        remove: (name) => unsynced(inner.remove(name)),
        rename: (from, to, options) => unsynced(inner.rename(from, to, options)),
      },
      () => small,
    );
    const change = async (act: () => Promise<unknown>) => {
      fails = true;
      await act();
      fails = false;
      await value(put(store, 'a/probe', 'x'));
      expect(store.usage().map(({ used }) => used)).toEqual([
        await sumOf(inner, ''),
        await sumOf(inner, 'a/'),
      ]);
    };
    await change(() => refused(put(store, 'a/1', pattern(20)), 'io-error'));
    await change(() => refused(store.rename('a/1', 'b'), 'io-error'));
    await change(() => refused(store.remove('b'), 'io-error'));
  });

  it('a quota refuses puts while its files cannot be listed, and works again later', async () => {
    const inner = memoryStore();
    await value(put(inner, 'a', bytes('abc')));
    let works = false;
    const list: FileStore['list'] = (options) => (works ? inner.list(options) : err('io-error'));
    const store = withQuotas({ ...inner, list }, () => small);
    await refused(store.put('b', { size: 1 }), 'io-error');
    works = true;
    await refused(store.put('b', { size: 98 }), 'quota-exceeded');
    await value(put(store, 'b', pattern(97)));
  });
});

const name = fc.constantFrom('a/1', 'a/2', 'b/1', 'b/2', 'c');
const size = fc.integer({ min: 0, max: 60 });
type Action = (store: FileStore) => Promise<unknown>;

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(name, size, fc.constantFrom('commit', 'abort', 'too much', 'too little'))
      .map(([path, length, end]): Action => {
        return async (store) => {
          const sink = await store.put(path, { size: length });
          if (!sink.ok) return;
          const written = length + (end === 'too much' ? 1 : end === 'too little' ? -1 : 0);
          const outcome = await sink.value.write([pattern(Math.max(0, written))]);
          if (outcome.ok) await (end === 'abort' ? sink.value.abort() : sink.value.commit());
        };
      }),
  },
  {
    weight: 2,
    arbitrary: name.map(
      (path): Action =>
        async (store) =>
          store.remove(path),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(name, name, fc.boolean()).map(
      ([from, to, ifAbsent]): Action =>
        async (store) =>
          store.rename(from, to, { ifAbsent }),
    ),
  },
);

/** A store that answers later, in the order that the scheduler picks. */
function scattered(inner: FileStore, scheduler: fc.Scheduler): FileStore {
  const later = async <T>(ask: () => T | Promise<T>): Promise<T> => {
    await scheduler.schedule(Promise.resolve());
    const answer = await ask();
    await scheduler.schedule(Promise.resolve());
    return answer;
  };
  return {
    ...inner,
    stat: (path) => later(() => inner.stat(path)),
    list: (options) => later(() => inner.list({ ...options, limit: 2 })),
    remove: (path) => later(() => inner.remove(path)),
    rename: (from, to, options) => later(() => inner.rename(from, to, options)),
    put: (path, options) =>
      later(async () => {
        const sink = await inner.put(path, options);
        if (!sink.ok) return sink;
        const { write, commit, abort } = sink.value;
        const slow = {
          ...sink.value,
          write: (chunks: readonly Uint8Array[]) => later(() => write(chunks)),
          commit: () => later(commit),
          abort: () => later(abort),
        };
        return { ok: true as const, value: slow };
      }),
  };
}

const rules: readonly Quota[] = [
  { prefix: '', bytes: 150 },
  { prefix: 'a/', bytes: 60 },
  { prefix: 'b/', bytes: 90 },
];

describe('any calls', () => {
  const already = fc.dictionary(name, fc.integer({ min: 0, max: 15 }), { noNullPrototype: true });

  test.prop([already, fc.array(action, { maxLength: 30 })], { numRuns: cases(200) })(
    'calls one after another keep the used bytes equal to the sum of the sizes, and within the quotas',
    async (files, actions) => {
      const { inner, store } = await storeWith(files, () => rules);
      for (const act of actions) {
        await act(store);
        for (const { prefix, used, bytes: quota, reserved } of store.usage()) {
          const sum = await sumOf(inner, prefix);
          assert.equal(used, sum);
          assert.equal(reserved, 0);
          assert.ok(sum <= quota);
        }
      }
    },
  );

  test.prop([already, fc.array(action, { maxLength: 30 }), fc.scheduler(), fc.boolean(), fc.boolean()], {
    numRuns: cases(300),
  })(
    'concurrent calls in any order keep the used bytes equal to the sum of the sizes, and never beyond the quotas',
    async (files, actions, scheduler, reloads, asks) => {
      const inner = memoryStore();
      for (const [path, length] of Object.entries(files)) await value(put(inner, path, pattern(length)));
      let quotas = rules;
      const store = withQuotas(scattered(inner, scheduler), () => quotas);
      let questions = 0;
      const accept = () => scheduler.schedule(Promise.resolve(++questions % 4 === 0 ? 'no' : null));
      const asking = asks ? withAccept(store, accept, { atOnce: 3 }) : store;
      const within = () => {
        for (const { prefix, bytes: quota } of reloads ? rules.slice(0, 1) : rules) {
          let sum = 0;
          for (const [path, file] of inner.contents) if (path.startsWith(prefix)) sum += file.bytes.length;
          assert.ok(sum <= quota, `${prefix}: ${sum} of ${quota}`);
        }
      };
      const all = actions.map(async (act, i) => {
        await scheduler.schedule(Promise.resolve());
        // Two of the rules are dropped, and are counted again when they return.
        if (reloads && i % 3 === 2) quotas = quotas === rules ? rules.slice(0, 1) : rules;
        await act(asking);
        within();
      });
      await scheduler.waitFor(Promise.all(all));
      quotas = rules;
      const probe = (path: string) => scheduler.waitFor(Promise.resolve(store.put(path, { size: 0 })));
      for (const path of ['a/probe', 'b/probe']) {
        const sink = await probe(path);
        if (sink.ok) await scheduler.waitFor(Promise.resolve(sink.value.abort()));
      }
      for (const { prefix, used, reserved } of store.usage()) {
        assert.equal(used, await sumOf(inner, prefix));
        assert.equal(reserved, 0);
      }
      assert.equal(inner.sinks, 0);
    },
  );
});
