/** Every store compared with the memory store: both give the same answers to the same calls. */
import assert from 'node:assert/strict';
import { fc, test } from '@fast-check/vitest';
import { describe } from 'vitest';
import { contentOf, namesIn, put, value } from '../../src/store/conformance/case.ts';
import type { FileStore, Outcome } from '../../src/store/contract.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { cases } from '../support/random/cases.ts';
import { SUBJECTS } from '../support/stores/model-subjects.ts';

/** Few segments, so that files and folders have the same names; some of them sort just before or after `/`. */
const segment = fc.constantFrom('a', 'b', 'a.', 'a!', 'a0', '中', '😀', '\uffee');
const name = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'));
const content = fc.string({ maxLength: 5 });
const ifAbsent = fc.boolean();

type Action = (store: FileStore) => Promise<unknown>;

/** The part of an answer on which both stores agree. The texts of messages may differ, and times do. */
const comparable = async (answer: Promise<Outcome<unknown>> | Outcome<unknown>) => {
  const outcome = await answer;
  if (!outcome.ok) return outcome.error.code;
  if (typeof outcome.value !== 'object' || outcome.value === null) return outcome.value;
  return { ...outcome.value, mtime: 0, durable: 0 };
};

const action: fc.Arbitrary<[string, Action]> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(name, content, ifAbsent).map(putting) },
  {
    weight: 3,
    arbitrary: name.map((path): [string, Action] => [`remove ${path}`, (s) => comparable(s.remove(path))]),
  },
  { weight: 4, arbitrary: fc.tuple(name, name, ifAbsent).map(renaming) },
  {
    weight: 1,
    arbitrary: name.map((path): [string, Action] => [`stat ${path}`, (s) => comparable(s.stat(path))]),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.option(name), fc.option(name), fc.integer({ min: 1, max: 4 })).map(listing),
  },
  { weight: 1, arbitrary: fc.tuple(name, content).map(aborting) },
);

function putting([path, text, absent]: [string, string, boolean]): [string, Action] {
  return [`put ${path} ${absent}`, (store) => comparable(put(store, path, text, { ifAbsent: absent }))];
}

function renaming([from, to, absent]: [string, string, boolean]): [string, Action] {
  return [
    `rename ${from} to ${to} ${absent}`,
    (store) => comparable(store.rename(from, to, { ifAbsent: absent })),
  ];
}

function listing([prefix, after, limit]: [string | null, string | null, number]): [string, Action] {
  const options = { limit, ...(prefix === null ? {} : { prefix }), ...(after === null ? {} : { after }) };
  return [
    `list ${JSON.stringify(options)}`,
    async (store) => {
      const { files, next } = await value(store.list(options));
      return [files.map((file) => `${file.name} ${file.size}`), next];
    },
  ];
}

function aborting([path, text]: [string, string]): [string, Action] {
  return [
    `abort ${path}`,
    async (store) => {
      const sink = await store.put(path, { size: 10 });
      if (!sink.ok) return;
      await value(sink.value.write([new TextEncoder().encode(text.slice(0, 3))]));
      await sink.value.abort();
    },
  ];
}

async function everythingIn(store: FileStore): Promise<[string, string][]> {
  const all: [string, string][] = [];
  for (const path of await namesIn(store, 3))
    all.push([path, Buffer.from(await contentOf(store, path)).toString()]);
  return all;
}

describe.each(SUBJECTS)('$name and the memory store', ({ share, open }) => {
  const runs = { numRuns: cases(60 * share) };

  test.prop([fc.array(action, { maxLength: 40 })], runs)(
    'give the same answers to the same calls',
    async (actions) => {
      const { store, checkKept, close } = await open();
      const memory = memoryStore();
      try {
        for (const [title, act] of actions) assert.deepEqual(await act(store), await act(memory), title);
        assert.deepEqual(await everythingIn(store), await everythingIn(memory));
        checkKept();
      } finally {
        await close();
      }
    },
  );

  const tree = fc.uniqueArray(name, { maxLength: 30 });
  const page = fc.integer({ min: 1, max: 7 });
  test.prop([tree, page, name, name], runs)(
    'list names in the order of their bytes',
    async (names, limit, prefix, after) => {
      const { store, close } = await open();
      try {
        const stored: string[] = [];
        for (const path of names) if ((await put(store, path, '')).ok) stored.push(path);
        const ordered = stored.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        assert.deepEqual(await namesIn(store, limit), ordered);
        assert.deepEqual(
          await namesIn(store, limit, prefix),
          ordered.filter((path) => path.startsWith(prefix)),
        );
        const { files } = await value(store.list({ after, limit: 100 }));
        assert.deepEqual(
          files.map((file) => file.name),
          ordered.filter((path) => Buffer.compare(Buffer.from(path), Buffer.from(after)) > 0),
        );
      } finally {
        await close();
      }
    },
  );
});
