/**
 * The contract of uploads: which bytes are kept of a put that breaks off, and how a whole content is checked.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { ServiceFault } from '../../files/protocol/errors.ts';
import type { FileStore, MaybeAsync, PutOptions, Sink } from '../contract.ts';
import { crc32 } from '../crc32.ts';
import { type ContractCase, contentOf, namesIn, pattern, put, refused, textOf, value } from './case.ts';

const content = pattern(300_000);
const none = { offset: 0, crc32: 0 };
const firstOf = (length: number) => ({ offset: length, crc32: crc32(content.subarray(0, length)) });
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A put of `content` from `offset` on, after this many bytes were written. */
async function beginUpload(
  store: FileStore,
  upload: string,
  to: number,
  options: Partial<PutOptions> = {},
): Promise<Sink> {
  const sink = await value(store.put('uploaded', { size: content.length, upload, ...options }));
  await value(sink.write([content.subarray(options.offset ?? 0, to)]));
  return sink;
}

/** A put that breaks off after this many bytes were written. */
async function interrupted(store: FileStore, upload: string, to: number, options: Partial<PutOptions> = {}) {
  await (await beginUpload(store, upload, to, options)).abort();
}

async function errorOf(answer: MaybeAsync<unknown>): Promise<ServiceFault> {
  const outcome = await answer;
  assert.ok(!outcome.ok, 'expected an error');
  return outcome.error;
}

/** A function to give as `taken`, and the number of its calls. */
function counter() {
  const calls = { count: 0, taken: () => void calls.count++ };
  return calls;
}

export const uploadCases: Readonly<Record<string, ContractCase>> = {
  'what was written before an abort is kept, and nothing of it is seen': async (store) => {
    await interrupted(store, 'key', 100_000);
    assert.deepEqual(store.unfinished(), { count: 1, bytes: 100_000 });
    assert.deepEqual(await value(store.resume('key')), firstOf(100_000));
    assert.deepEqual(await value(store.resume('key')), firstOf(100_000), 'asking changes nothing');
    assert.deepEqual(await namesIn(store), []);
    await refused(store.stat('uploaded'), 'not-found');
  },

  'of what never began there is nothing': async (store) => {
    assert.deepEqual(await value(store.resume('never')), none);
    assert.deepEqual(store.unfinished(), { count: 0, bytes: 0 });
  },

  'a put without a key keeps nothing': async (store) => {
    const sink = await value(store.put('plain', { size: 10 }));
    await value(sink.write([content.subarray(0, 5)]));
    await sink.abort();
    assert.deepEqual(store.unfinished(), { count: 0, bytes: 0 });
  },

  'a put that goes on makes the whole file': async (store) => {
    const cuts = [1, 70_000, 70_001, 299_999];
    let offset = 0;
    for (const cut of cuts) {
      await interrupted(store, 'key', cut, offset === 0 ? {} : { offset });
      offset = cut;
      assert.deepEqual(await value(store.resume('key')), firstOf(cut));
    }
    const sink = await beginUpload(store, 'key', content.length, { offset });
    const stored = await value(sink.commit());
    assert.equal(stored.size, content.length);
    assert.equal(stored.crc32, crc32(content), 'the CRC-32 is that of the whole');
    assert.equal(stored.durable, store.durable);
    assert.deepEqual(await contentOf(store, 'uploaded'), content);
  },

  'it may go on under another name, and be committed without a write': async (store) => {
    await interrupted(store, 'key', content.length);
    const sink = await value(
      store.put('another', { size: content.length, upload: 'key', offset: content.length }),
    );
    assert.equal((await value(sink.commit())).crc32, crc32(content));
    assert.deepEqual(await namesIn(store), ['another']);
  },

  'nothing is left of a finished upload': async (store) => {
    await interrupted(store, 'key', 100_000);
    const sink = await beginUpload(store, 'key', content.length, { offset: 100_000 });
    await value(sink.commit());
    assert.deepEqual(store.unfinished(), { count: 0, bytes: 0 });
    assert.deepEqual(await value(store.resume('key')), none);
    await refused(store.cancel('key'), 'not-found');
    assert.deepEqual(await contentOf(store, 'uploaded'), content, 'and the file is untouched by that');
  },

  'an upload that was finished may be put again': async (store) => {
    for (const ifAbsent of [true, false, false]) {
      await interrupted(store, 'key', 1000, { ifAbsent });
      const sink = await beginUpload(store, 'key', content.length, { offset: 1000, ifAbsent });
      await value(sink.commit());
      assert.deepEqual(await contentOf(store, 'uploaded'), content);
    }
  },

  'another offset than its own is refused with the right one, and what there is is kept': async (store) => {
    const of = (offset: number) => store.put('x', { size: content.length, upload: 'key', offset });
    assert.equal((await errorOf(of(1))).offset, 0);
    await interrupted(store, 'key', 5000);
    for (const offset of [0, 4999, 5001, content.length]) {
      const error = await errorOf(of(offset));
      assert.deepEqual([error.code, error.offset], ['bad-offset', 5000]);
    }
    assert.deepEqual(await value(store.resume('key')), firstOf(5000));
    await (await value(of(5000))).abort();
    assert.deepEqual(await value(store.resume('key')), firstOf(5000), 'also when nothing is added');
  },

  'offset 0 is right for one that never began': async (store) => {
    const sink = await beginUpload(store, 'key', content.length, { offset: 0 });
    await value(sink.commit());
    assert.deepEqual(await contentOf(store, 'uploaded'), content);
  },

  'without an offset it begins anew': async (store) => {
    await interrupted(store, 'key', 200_000);
    await interrupted(store, 'key', 10);
    assert.deepEqual(await value(store.resume('key')), firstOf(10));
    const sink = await beginUpload(store, 'key', content.length);
    await value(sink.commit());
    assert.deepEqual(await contentOf(store, 'uploaded'), content);
  },

  'nothing is kept of a put to which nothing was written': async (store) => {
    const sink = await value(store.put('x', { size: 10, upload: 'key' }));
    assert.equal(store.unfinished().count, 1);
    await sink.abort();
    assert.equal(store.unfinished().count, 0);
    assert.deepEqual(await value(store.resume('key')), none);
  },

  'keys do not mix': async (store) => {
    const keys = ['a', 'A1', 'a.b', 'a-b', '-', '_', 'x'.repeat(129)];
    for (const [i, key] of keys.entries()) await interrupted(store, key, 1000 + i);
    assert.equal(store.unfinished().count, keys.length);
    await value(store.cancel('a.b'));
    for (const [i, key] of keys.entries()) {
      assert.deepEqual(await value(store.resume(key)), key === 'a.b' ? none : firstOf(1000 + i), key);
    }
  },

  'what is no key is refused': async (store) => {
    for (const key of ['', '.', '../x', 'a/b', 'a~b', 'ä', 'x'.repeat(130)]) {
      await refused(store.put('x', { size: 1, upload: key }), 'bad-request');
      await refused(store.resume(key), 'bad-request');
      await refused(store.cancel(key), 'bad-request');
    }
  },

  'a resume takes it from a put, and counts in what that has written': async (store) => {
    const older = counter();
    const sink = await beginUpload(store, 'key', 100_000, { taken: older.taken });
    assert.deepEqual(await value(store.resume('key')), firstOf(100_000));
    assert.equal(older.count, 1);
    await refused(sink.write([content.subarray(100_000)]), 'upload-taken');
    await refused(sink.commit(), 'upload-taken');
    await refused(sink.sync(), 'upload-taken');
    await sink.abort();
    assert.deepEqual(await value(store.resume('key')), firstOf(100_000));
    assert.equal(older.count, 1);
  },

  'a put takes it from a put, and either goes on or begins anew': async (store) => {
    const [first, second, third] = [counter(), counter(), counter()];
    await beginUpload(store, 'key', 100_000, { taken: first.taken });
    const next = await beginUpload(store, 'key', 200_000, { offset: 100_000, taken: second.taken });
    assert.deepEqual([first.count, second.count], [1, 0]);
    const restarted = await beginUpload(store, 'key', content.length, { taken: third.taken });
    assert.deepEqual([first.count, second.count], [1, 1]);
    await refused(next.write([content.subarray(200_000)]), 'upload-taken');
    await value(restarted.commit());
    assert.equal(third.count, 0, 'who finishes is not told');
    assert.deepEqual(await contentOf(store, 'uploaded'), content);
  },

  'a write under way is answered, and counted in, before it is taken': async (store) => {
    const older = counter();
    const sink = await beginUpload(store, 'key', 50_000, { taken: older.taken });
    const writing = sink.write([content.subarray(50_000, 250_000)]);
    const resumed = store.resume('key');
    await value(writing);
    assert.deepEqual(await value(resumed), firstOf(250_000));
    assert.equal(older.count, 1);
  },

  'a commit under way is not taken over': async (store) => {
    const older = counter();
    const sink = await beginUpload(store, 'key', content.length, { taken: older.taken });
    const committing = sink.commit();
    const resumed = store.resume('key');
    await value(committing);
    assert.deepEqual(await value(resumed), none);
    assert.equal(older.count, 0);
    assert.deepEqual(await contentOf(store, 'uploaded'), content);
  },

  'many at once for one key: one holds it in the end': async (store) => {
    const tries = Array.from({ length: 20 }, () => ({ taken: counter() }));
    await interrupted(store, 'key', 1000);
    const outcomes = await Promise.all(
      tries.map(({ taken: { taken } }) =>
        store.put('uploaded', { size: content.length, upload: 'key', offset: 1000, taken }),
      ),
    );
    const taken = tries.filter((each) => each.taken.count === 1).length;
    assert.equal(taken, tries.length - 1);
    assert.equal(store.unfinished().count, 1);
    const last = outcomes.find((outcome, i) => outcome.ok && tries[i]?.taken.count === 0);
    assert.ok(last?.ok);
    await value(last.value.write([content.subarray(1000)]));
    assert.equal((await value(last.value.commit())).crc32, crc32(content));
  },

  'a cancel drops it, also from whoever holds it': async (store) => {
    await interrupted(store, 'key', 1000);
    await value(store.cancel('key'));
    assert.deepEqual(await value(store.resume('key')), none);
    await refused(store.cancel('key'), 'not-found');
    const older = counter();
    const sink = await beginUpload(store, 'key', 1000, { taken: older.taken });
    await value(store.cancel('key'));
    assert.equal(older.count, 1);
    await refused(sink.write([content.subarray(1000)]), 'upload-taken');
    assert.deepEqual(await value(store.resume('key')), none);
    assert.deepEqual(store.unfinished(), { count: 0, bytes: 0 });
  },

  'sync says how much there is, which can be gone on with': async (store) => {
    const sink = await beginUpload(store, 'key', 100_000);
    assert.deepEqual(await value(sink.sync()), firstOf(100_000));
    await value(sink.write([content.subarray(100_000, 150_000)]));
    assert.deepEqual(await value(sink.sync()), firstOf(150_000));
    assert.deepEqual(await value(sink.sync()), firstOf(150_000));
    assert.deepEqual(store.unfinished(), { count: 1, bytes: 150_000 });
    await value(sink.write([content.subarray(150_000)]));
    await value(sink.commit());
    assert.deepEqual(await contentOf(store, 'uploaded'), content);
  },

  'sync is answered for a put without a key too': async (store) => {
    const sink = await value(store.put('plain', { size: content.length }));
    assert.deepEqual(await value(sink.sync()), none);
    await value(sink.write([content]));
    assert.deepEqual(await value(sink.sync()), firstOf(content.length));
    await value(sink.commit());
  },

  'a refused content is not kept': async (store) => {
    await value(put(store, 'uploaded', 'old'));
    const wrong: readonly [Partial<PutOptions>, number, string][] = [
      [{}, 299_999, 'size-mismatch'],
      [{ ifAbsent: true }, content.length, 'exists'],
      [{ crc32: crc32(content) ^ 1 }, content.length, 'crc-mismatch'],
      [{ sha256: '0'.repeat(64) }, content.length, 'sha256-mismatch'],
    ];
    for (const [options, length, code] of wrong) {
      // The store may already find the obstacle when the put begins: then it does not exist yet.
      if (options.ifAbsent) await value(store.remove('uploaded'));
      const sink = await beginUpload(store, 'key', length, options);
      if (options.ifAbsent) await value(put(store, 'uploaded', 'old'));
      assert.equal((await errorOf(sink.commit())).code, code);
      assert.deepEqual(await value(store.resume('key')), none, code);
      assert.equal(store.unfinished().count, 0);
      assert.equal(await textOf(store, 'uploaded'), 'old');
    }
    const sink = await beginUpload(store, 'key', content.length);
    await refused(sink.write([new Uint8Array(1)]), 'size-mismatch');
    assert.deepEqual(await value(store.resume('key')), none);
  },

  'an upload that has more than the put says is refused': async (store) => {
    await interrupted(store, 'key', 1000);
    await refused(store.put('x', { size: 999, upload: 'key', offset: 1000 }), 'size-mismatch');
  },

  'a content is stored if it has the CRC-32 and SHA-256 that it should, and refused if not': async (
    store,
  ) => {
    const [crc, sha256] = [crc32(content), sha256Of(content)];
    for (const options of [
      { crc32: crc },
      { sha256 },
      { sha256: sha256.toUpperCase() },
      { crc32: crc, sha256 },
    ]) {
      await value(put(store, 'checked', content, options));
    }
    await value(put(store, 'empty', '', { crc32: 0, sha256: sha256Of(new Uint8Array()) }));
    await value(put(store, 'old', 'old'));
    const wrongCrc = await errorOf(put(store, 'old', content, { crc32: crc ^ 1, sha256 }));
    assert.deepEqual([wrongCrc.code, wrongCrc.expected, wrongCrc.actual], ['crc-mismatch', crc ^ 1, crc]);
    const other = sha256Of(new Uint8Array([1]));
    const wrongSha = await errorOf(put(store, 'old', content, { crc32: crc, sha256: other }));
    assert.deepEqual([wrongSha.code, wrongSha.expected, wrongSha.actual], ['sha256-mismatch', other, sha256]);
    assert.equal(await textOf(store, 'old'), 'old');
    assert.deepEqual(await namesIn(store), ['checked', 'empty', 'old']);
  },

  'the whole of a content that came in parts is checked': async (store) => {
    const right = { crc32: crc32(content), sha256: sha256Of(content) };
    const rest = sha256Of(content.subarray(200_000));
    const wrong = [{ crc32: crc32(content.subarray(200_000)) }, { sha256: rest }];
    for (const options of [...wrong, right]) {
      await interrupted(store, 'key', 200_000);
      const sink = await beginUpload(store, 'key', content.length, { offset: 200_000, ...options });
      const outcome = await sink.commit();
      assert.equal(outcome.ok, options === right);
      assert.deepEqual(await value(store.resume('key')), none);
    }
    assert.deepEqual(await contentOf(store, 'uploaded'), content);
  },

  'a refused put leaves its upload to whoever has it': async (store) => {
    await value(put(store, 'uploaded', pattern(10)));
    const older = counter();
    await beginUpload(store, 'key', 1000, { taken: older.taken });
    await refused(
      store.put('uploaded', { size: content.length, upload: 'key', offset: 1000, ifAbsent: true }),
      'exists',
    );
    assert.equal(older.count, 0);
    assert.deepEqual(await value(store.resume('key')), firstOf(1000));
  },

  'after the store is closed there is nothing to ask about': async (store) => {
    const sink = await beginUpload(store, 'key', 1000);
    await store.close();
    await refused(store.resume('key'), 'shutting-down');
    await refused(store.cancel('key'), 'shutting-down');
    await refused(sink.sync(), 'shutting-down');
  },
};

/** For a store that keeps three uploads at most. */
export const uploadLimitCases: Readonly<Record<string, ContractCase>> = {
  'one more than the limit is refused, those that there are can go on': async (store) => {
    await interrupted(store, 'a', 1000);
    await interrupted(store, 'b', 1000);
    const holds = await beginUpload(store, 'c', 1000);
    const fourth = () => store.put('x', { size: 10, upload: 'd' });
    assert.equal((await errorOf(fourth())).code, 'too-many-uploads');
    assert.equal((await errorOf(fourth())).limit, 3);
    await refused(store.put('x', { size: 10, upload: 'd', offset: 0 }), 'too-many-uploads');
    await value(put(store, 'plain', 'a put without a key is none'));
    await interrupted(store, 'a', 2000, { offset: 1000 });
    await interrupted(store, 'b', 500);
    await value(holds.write([content.subarray(1000)]));
    await value(holds.commit());
    const sink = await value(fourth());
    await refused(store.put('x', { size: 10, upload: 'e' }), 'too-many-uploads');
    await sink.abort();
    await value(store.cancel('a'));
    assert.deepEqual(store.unfinished(), { count: 1, bytes: 500 });
    await value(fourth());
  },

  'of many that begin at once no more get in': async (store) => {
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, i) => store.put('x', { size: 10, upload: `k${i}` })),
    );
    const codes = outcomes.filter((outcome) => !outcome.ok).map(({ error }) => error.code);
    assert.deepEqual(codes, Array(9).fill('too-many-uploads'));
    assert.equal(store.unfinished().count, 3);
  },
};
