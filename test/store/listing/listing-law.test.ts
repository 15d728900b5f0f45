/** The law of listings: every name that exists from a listing's beginning to its end is listed, once, in order. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fc, test } from '@fast-check/vitest';
import { describe } from 'vitest';
import { put, value } from '../../../src/store/conformance/case.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import type { ListingBounds } from '../../../src/store/listing/bounds.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { cases } from '../../support/random/cases.ts';
import { newDiskStore, openBelow } from '../../support/stores/store-roots.ts';

/** With these bounds a folder of five files is large, and a listing needs several scans of it. */
const bounds: fc.Arbitrary<Partial<ListingBounds>> = fc.record<Partial<ListingBounds>>({
  blockNamesMax: fc.constantFrom(2, 8),
  batchEntries: fc.constantFrom(4, 16),
  smallBatchesMax: fc.constantFrom(1, 3),
  cachedNamesMin: fc.constantFrom(1, 8),
  scanBytesMax: fc.constantFrom(1, 6000, 100_000),
  bytesMax: fc.constantFrom(6000, 20_000, 1_000_000),
  positionsMax: fc.constantFrom(1, 3),
  rangesMax: fc.constantFrom(1, 3, 64),
  continueMsMin: fc.constantFrom(0, 1_000_000),
  continueScanTimes: fc.constant(0),
});

const segment = fc.constantFrom('a', 'b', 'c', 'd', 'é', '😀', '\uffee', 'a.', 'a0', 'b!');
const inFolder = fc.tuple(segment, segment, segment).map((parts) => `f/${parts.join('')}`);
const below = fc.tuple(segment, segment).map((parts) => `f/x${parts.join('/')}`);
const name = fc.oneof({ weight: 6, arbitrary: inFolder }, { weight: 1, arbitrary: below });

type Change = readonly ['put' | 'remove' | 'rename' | 'make' | 'unlink' | 'move', string, string];
const own = fc.constantFrom('put' as const, 'remove' as const, 'rename' as const);
const others = fc.constantFrom('make' as const, 'unlink' as const, 'move' as const);
const change: fc.Arbitrary<Change> = fc.tuple(fc.oneof(own, others), name, name);

/** Listings that begin or continue by a page at once, while other programs make changes; then changes by the store. */
interface Round {
  readonly begins: readonly { readonly limit: number; readonly prefix: string }[];
  readonly goOn: readonly number[];
  readonly meanwhile: readonly Change[];
  readonly after: readonly Change[];
}
const round: fc.Arbitrary<Round> = fc.record({
  begins: fc.array(
    fc.record({
      limit: fc.integer({ min: 2, max: 12 }),
      prefix: fc.constantFrom('', 'f', 'f/', 'f/a', 'f/é'),
    }),
    { maxLength: 2 },
  ),
  goOn: fc.array(fc.nat(5), { maxLength: 5 }),
  meanwhile: fc.array(change, { maxLength: 2 }),
  after: fc.array(change, { maxLength: 3 }),
});

interface Lister {
  readonly limit: number;
  readonly prefix: string;
  readonly shown: string[];
  /** The names that it has to show, unless they are removed. */
  readonly due: Set<string>;
  after: string | undefined;
  isOver: boolean;
}

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** A store, the names in it, and the listings under way. */
class Model {
  readonly there = new Set<string>();
  readonly listers: Lister[] = [];
  constructor(
    readonly store: FileStore,
    readonly root: string | undefined,
  ) {}

  came(path: string, isByStore: boolean): void {
    this.there.add(path);
    for (const { due, after, isOver } of this.listers)
      if (isByStore && !isOver && after !== undefined && compare(path, after) > 0) due.add(path);
  }

  went(path: string): void {
    this.there.delete(path);
    for (const { due } of this.listers) due.delete(path);
  }

  async changeByStore([what, a, b]: Change): Promise<void> {
    const { store } = this;
    if (what === 'put' && (await put(store, a, '')).ok) this.came(a, true);
    if (what === 'remove' && (await store.remove(a)).ok) this.went(a);
    if (what === 'rename' && a !== b && (await store.rename(a, b)).ok) {
      this.went(a);
      this.came(b, true);
    }
  }

  changeByOthers([what, a, b]: Change): void {
    if (this.root === undefined) return;
    const at = (path: string) => join(this.root!, path);
    try {
      if (what === 'make') {
        mkdirSync(join(at(a), '..'), { recursive: true });
        writeFileSync(at(a), '');
        this.came(a, false);
      } else if (what === 'unlink' && this.there.has(a)) {
        rmSync(at(a));
        this.went(a);
      } else if (what === 'move' && a !== b && this.there.has(a)) {
        renameSync(at(a), at(b));
        this.went(a);
        this.came(b, false);
      }
    } catch {
      // A file is in the way of a folder, or the other way round.
    }
  }

  begin(limit: number, prefix: string): Lister {
    const due = new Set([...this.there].filter((path) => path.startsWith(prefix)));
    const lister = { limit, prefix, shown: [], due, after: undefined, isOver: false };
    this.listers.push(lister);
    return lister;
  }

  async page(lister: Lister): Promise<void> {
    const { limit, prefix, after, shown } = lister;
    const { files, next } = await value(
      this.store.list({ limit, prefix, ...(after === undefined ? {} : { after }) }),
    );
    assert.ok(files.length <= limit);
    for (const file of files) {
      assert.ok(file.name.startsWith(prefix));
      assert.ok(shown.length === 0 || compare(shown.at(-1)!, file.name) < 0, 'each once, in order');
      shown.push(file.name);
    }
    lister.after = next ?? '\u{10ffff}';
    lister.isOver = next === undefined;
    if (!lister.isOver) return;
    const missing = [...lister.due].filter((path) => path.startsWith(prefix) && !shown.includes(path));
    assert.deepEqual(missing, [], 'all names that existed throughout are shown');
  }

  async play({ begins, goOn, meanwhile, after }: Round): Promise<void> {
    const underWay = this.listers.filter(({ isOver }) => !isOver);
    const chosen = new Set(goOn.map((i) => underWay[i]).filter((lister) => lister !== undefined));
    for (const { limit, prefix } of begins) chosen.add(this.begin(limit, prefix));
    const pages = [...chosen].map((lister) => this.page(lister));
    for (const each of meanwhile) this.changeByOthers(each);
    await Promise.all(pages);
    for (const each of after) {
      this.changeByOthers(each);
      await this.changeByStore(each);
    }
  }

  async end(): Promise<void> {
    for (const lister of this.listers) while (!lister.isOver) await this.page(lister);
  }
}

const first = fc.uniqueArray(name, { minLength: 10, maxLength: 50 });
const rounds = fc.array(round, { maxLength: 10 });

/** Once, a listing of the folder entered `x\uffee/`, where its names ended, by the older names of another listing. */
const folderAtEndOfNames: [Partial<ListingBounds>, string[], Round[]] = [
  {
    blockNamesMax: 8,
    batchEntries: 4,
    smallBatchesMax: 1,
    cachedNamesMin: 1,
    scanBytesMax: 1,
    bytesMax: 20_000,
    positionsMax: 1,
    continueMsMin: 1_000_000,
    continueScanTimes: 0,
  },
  ['aaa', 'aaa0', '\uffeeaa', 'aaé', '😀aa', '\uffeeab!', 'aa😀', '\uffeea0a', 'aba', '\uffeeaa0'].map(
    (file) => `f/${file}`,
  ),
  [
    { begins: [{ limit: 2, prefix: '' }], goOn: [], meanwhile: [], after: [['put', 'f/aaa', '']] },
    {
      begins: [],
      goOn: [],
      meanwhile: [],
      after: [
        ['put', 'f/xa/a', ''],
        ['put', 'f/x\uffee/a', ''],
      ],
    },
    { begins: [], goOn: [], meanwhile: [], after: [['make', 'f/éaa', '']] },
    { begins: [{ limit: 2, prefix: '' }], goOn: [], meanwhile: [], after: [] },
  ],
];

describe('the law of listings', () => {
  for (const durability of ['os', 'fsync'] as const)
    test.prop([bounds, first, rounds], { numRuns: cases(60), examples: [folderAtEndOfNames] })(
      `a listing of a disk store (${durability}) shows once, in order, every name that exists throughout, whatever changes and however many list`,
      async (listing, names, played) => {
        const { store, root, dispose } = await newDiskStore({ durability, listing });
        try {
          const model = new Model(store, root);
          for (const path of names) model.changeByOthers(['make', path, '']);
          for (const each of played) await model.play(each);
          await model.end();
        } finally {
          await store.close();
          assert.deepEqual(openBelow(root), []);
          await dispose?.();
        }
      },
    );

  test.prop([first, rounds], { numRuns: cases(60) })(
    'a listing of a memory store shows once, in order, every name that exists throughout',
    async (names, played) => {
      const model = new Model(memoryStore(), undefined);
      for (const path of names) await model.changeByStore(['put', path, '']);
      for (const each of played) await model.play(each);
      await model.end();
    },
  );
});
