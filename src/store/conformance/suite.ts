/** The suite that every store passes: the promises of `contract.ts`, case by case. */

import { check, checkFields, FUNCTION, TEXT } from '../../wire/argument.ts';
import type { FileStore } from '../contract.ts';
import type { ContractCase } from './case.ts';
import { changeCases } from './changes.ts';
import { sumCases } from './checksums.ts';
import { listCases } from './lists.ts';
import { nameCases } from './names.ts';
import { putCases } from './puts.ts';
import { readCases } from './reads.ts';
import { uploadCases, uploadLimitCases } from './uploads.ts';

/** An empty store for one case, and what is to be done when the case is over. */
export interface OpenedStore {
  readonly store: FileStore;
  /** Called after the case, and after the store was closed. */
  readonly dispose?: () => void | Promise<void>;
}

/** How a store is opened for a case. */
export interface OpenOptions {
  /** As in `UploadOptions`. */
  readonly maxUploads?: number;
}

/** The functions of a test runner that `storeContract` needs: vitest, jest, mocha and `node:test` have them. */
export interface ContractRunner {
  /** Groups cases under a name. */
  readonly describe: (name: string, body: () => void) => unknown;
  /** Declares one case. */
  readonly it: (name: string, body: () => Promise<void>) => unknown;
}

const groups: Readonly<Record<string, Readonly<Record<string, ContractCase>>>> = {
  put: putCases,
  'open, stat and read': readCases,
  'remove and rename': changeCases,
  list: listCases,
  names: nameCases,
  uploads: uploadCases,
  checksums: sumCases,
};

/**
 * Declares the suite that every store passes, one case for each promise of `FileStore`.
 *
 * @param name the name of the store, for the names of the cases.
 * @param open makes an empty `store` that keeps at most `maxUploads` unfinished uploads; called once for each case. Its
 *   `dispose` is called after the case, when the store is closed.
 * @throws TypeError when an argument is of the wrong kind.
 * @example
 * import { describe, it } from 'vitest';
 *
 * storeContract('memory', (options) => ({ store: memoryStore(options) }), { describe, it });
 */
export function storeContract(
  name: string,
  open: (options: OpenOptions) => OpenedStore | Promise<OpenedStore>,
  runner: ContractRunner,
): void {
  check('storeContract: the name', name, TEXT);
  check('storeContract: what opens a store', open, FUNCTION);
  checkFields('storeContract', runner, { describe: FUNCTION, it: FUNCTION });
  const { describe, it } = runner;
  const declare = (group: string, cases: Readonly<Record<string, ContractCase>>, options: OpenOptions) =>
    describe(group, () => {
      for (const [title, check] of Object.entries(cases)) {
        it(title, async () => {
          const { store, dispose } = await open(options);
          try {
            await check(store);
          } finally {
            await store.close();
            await dispose?.();
          }
        });
      }
    });

  describe(`the store contract: ${name}`, () => {
    for (const [group, cases] of Object.entries(groups)) declare(group, cases, {});
    declare('uploads, three at most', uploadLimitCases, { maxUploads: 3 });
  });
}
