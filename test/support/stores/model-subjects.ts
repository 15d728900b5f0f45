/** The stores that are compared with the memory store. */
import assert from 'node:assert/strict';
import type { OpenOptions } from '../../../src/store/conformance/suite.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { needEngine } from '../engines/engines.ts';
import { DISK_MODES, optionsOf } from './disk-modes.ts';
import { type Engines, newSchema, openNode, sharedEngines } from './s3-nodes.ts';
import { newSharedStore } from './shared-root.ts';
import { newDiskStore, openBelow, temporariesIn } from './store-roots.ts';

export interface Subject {
  readonly name: string;
  /** How many cases are tried, for each that a fast store would have. */
  readonly share: number;
  readonly open: (options?: OpenOptions) => Promise<OpenedSubject>;
}

export interface OpenedSubject {
  readonly store: FileStore;
  /** Throws unless what is kept of puts under way and of uploads is theirs, and no more. */
  readonly checkKept: () => void;
  /** Closes it. Throws when something of it is still open. */
  readonly close: () => Promise<void>;
}

const disks: Subject[] = DISK_MODES.map((mode) => ({
  name: `the disk store (${mode})`,
  share: 1,
  open: async (options) => {
    const { store, root, dispose } = await newDiskStore({ ...optionsOf(mode), ...options });
    return {
      store,
      checkKept: () => assert.equal(temporariesIn(root).length, store.unfinished().count),
      close: async () => {
        await store.close();
        assert.deepEqual(openBelow(root), []);
        await dispose?.();
      },
    };
  },
}));

const sharing: Subject = {
  name: 'three disk stores on one root under one owner',
  share: 1 / 2,
  open: async (options) => {
    const { store, root, dispose } = await newSharedStore({ durability: 'os', ...options });
    return {
      store,
      checkKept: () => assert.equal(temporariesIn(root).length, store.unfinished().count),
      close: async () => {
        await store.close();
        assert.deepEqual(openBelow(root), []);
        await dispose?.();
      },
    };
  },
};

let engines: Promise<Engines> | undefined;
const overEngines: Subject = {
  name: 'the store over S3 and PostgreSQL',
  share: 1 / 6,
  open: async (options) => {
    engines ??= sharedEngines();
    const store = await openNode(await engines, newSchema(), options);
    return {
      store,
      checkKept: () => {},
      close: async () => {
        await store.close();
        assert.equal(store.engines().memoryBytes, 0);
      },
    };
  },
};

export const SUBJECTS: readonly Subject[] = [
  ...disks,
  sharing,
  ...(needEngine('ceph') && needEngine('postgres') ? [overEngines] : []),
];
