/** Uploads of every store compared with those of the memory store: both give the same answers to the same calls. */
import assert from 'node:assert/strict';
import { fc, test } from '@fast-check/vitest';
import { describe } from 'vitest';
import { contentOf, namesIn, pattern } from '../../src/store/conformance/case.ts';
import type { FileStore, MaybeAsync, PutOptions, Sink } from '../../src/store/contract.ts';
import { crc32 } from '../../src/store/crc32.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { cases } from '../support/random/cases.ts';
import { SUBJECTS } from '../support/stores/model-subjects.ts';

const content = pattern(100, 0);

/** A store, and the state of its client: the sink of each key with its position, and the keys of taken uploads. */
interface Model {
  readonly store: FileStore;
  readonly sinks: Map<string, { readonly sink: Sink; at: number }>;
  readonly taken: string[];
}
type Action = (model: Model) => Promise<unknown>;

/** The part of an answer on which both stores agree. */
async function comparable(answer: MaybeAsync<unknown>): Promise<unknown> {
  const outcome = await answer;
  if (!outcome.ok) return [outcome.error.code, outcome.error.offset];
  if (typeof outcome.value !== 'object' || outcome.value === null) return outcome.value;
  return { ...outcome.value, mtime: 0, durable: 0 };
}

const key = fc.constantFrom('a', 'b', 'c');
const actions: fc.Arbitrary<[string, Action]> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(key, fc.constantFrom<'right' | 7 | undefined>(undefined, 'right', 7), fc.boolean())
      .map(beginning),
  },
  { weight: 6, arbitrary: fc.tuple(key, fc.integer({ min: 0, max: 60 })).map(writing) },
  ...(['sync', 'commit', 'abort'] as const).map((what) => ({ weight: 1, arbitrary: key.map(ending(what)) })),
  {
    weight: 1,
    arbitrary: key.map((of): [string, Action] => [
      `resume ${of}`,
      ({ store }) => comparable(store.resume(of)),
    ]),
  },
  {
    weight: 1,
    arbitrary: key.map((of): [string, Action] => [
      `cancel ${of}`,
      ({ store }) => comparable(store.cancel(of)),
    ]),
  },
);

function beginning([of, from, checked]: [string, 'right' | 7 | undefined, boolean]): [string, Action] {
  return [
    `begin ${of} ${from}`,
    async ({ store, sinks, taken }) => {
      const there = from === 'right' ? await store.resume(of) : undefined;
      const offset = there?.ok ? there.value.offset : from === 7 ? 7 : undefined;
      const options: PutOptions = {
        size: content.length,
        upload: of,
        taken: () => taken.push(of),
        ...(offset === undefined ? {} : { offset }),
        ...(checked ? { crc32: crc32(content) } : {}),
      };
      const begun = await store.put(`file-${of}`, options);
      if (!begun.ok) return comparable(begun);
      sinks.set(of, { sink: begun.value, at: offset ?? 0 });
      return offset;
    },
  ];
}

function writing([of, length]: [string, number]): [string, Action] {
  return [
    `write ${of} ${length}`,
    async ({ sinks }) => {
      const held = sinks.get(of);
      if (held === undefined) return 'none';
      const chunk = content.subarray(held.at, held.at + length);
      held.at += chunk.length;
      const written = await held.sink.write([chunk]);
      if (!written.ok) sinks.delete(of);
      return comparable(written);
    },
  ];
}

function ending(what: 'sync' | 'commit' | 'abort') {
  return (of: string): [string, Action] => [
    `${what} ${of}`,
    async ({ sinks }) => {
      const sink = sinks.get(of)?.sink;
      if (sink === undefined) return 'none';
      if (what !== 'sync') sinks.delete(of);
      if (what === 'abort') return sink.abort();
      const answer = await sink[what]();
      if (!answer.ok) sinks.delete(of);
      return comparable(answer);
    },
  ];
}

describe.each(SUBJECTS)('$name and the memory store', ({ share, open }) => {
  test.prop([fc.array(actions, { maxLength: 50 })], { numRuns: cases(100 * share) })(
    'keep the same bytes of uploads and store the same files',
    async (acts) => {
      const { store, checkKept, close } = await open({ maxUploads: 2 });
      const tried: Model = { store, sinks: new Map(), taken: [] };
      const memory: Model = { store: memoryStore({ maxUploads: 2 }), sinks: new Map(), taken: [] };
      try {
        for (const [title, act] of acts) {
          assert.deepEqual(await act(tried), await act(memory), title);
          assert.deepEqual(tried.taken, memory.taken, title);
          assert.deepEqual(tried.store.unfinished(), memory.store.unfinished(), title);
          checkKept();
        }
        assert.deepEqual(await namesIn(store), await namesIn(memory.store));
        for (const name of await namesIn(store)) assert.deepEqual(await contentOf(store, name), content);
      } finally {
        await close();
      }
    },
  );
});
