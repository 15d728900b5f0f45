/** The suite that every connection passes: the promises of `connection.ts`, case by case. */
import assert from 'node:assert/strict';
import { randomFrom } from '../../base/random.ts';
import { check, checkOptions, FLAG, FUNCTION, optional, TEXT, wholeFrom } from '../../wire/argument.ts';
import type { Connection } from '../connection.ts';
import { byteCases, checkRandomWrites } from './bytes.ts';
import type { ConnectionAbilities, ConnectionCase, ConnectionCases } from './case.ts';
import {
  endCases,
  failedWriteCases,
  halfCloseCases,
  keptCases,
  noHalfCloseCases,
  noResetCases,
  resetCases,
} from './ending.ts';
import { flowCases } from './flow.ts';
import { writeCases } from './writes.ts';

export type { ConnectionAbilities } from './case.ts';

/**
 * The functions with which `connectionContract` declares its cases, and the abilities that your kind of connection
 * lacks. `describe` and `it` are needed.
 */
export interface ConnectionContractOptions extends Partial<ConnectionAbilities> {
  /** The function of a test runner that groups cases: vitest, jest, mocha and `node:test` have one. */
  readonly describe: (name: string, body: () => void) => unknown;
  /** The function of that runner that declares a case. */
  readonly it: (name: string, body: () => Promise<void>) => unknown;
  /** How often writes of random sizes are tried, from 0; default 40. */
  readonly runs?: number;
  /** The seed of the random sizes, a whole number; default 1. The same seed makes the same sizes. */
  readonly seed?: number;
}

const RUNS_DEFAULT = 40;
const RULES = {
  describe: FUNCTION,
  it: FUNCTION,
  resets: optional(FLAG),
  names: optional(FLAG),
  halfClose: optional(FLAG),
  keepsArrived: optional(FLAG),
  keepsAfterWrite: optional(FLAG),
  runs: optional(wholeFrom(0)),
  seed: optional(wholeFrom(Number.MIN_SAFE_INTEGER)),
};

/**
 * Declares the suite for a kind of connection.
 *
 * @param connect makes two connections that are each other's peer, with nothing read or written yet; called once for
 *   each case. The suite destroys them.
 * @example
 * import { describe, it } from 'node:test';
 *
 * connectionContract('memory', async () => memoryPair(), { describe, it });
 */
export function connectionContract(
  name: string,
  connect: () => Promise<readonly [Connection, Connection]>,
  options: ConnectionContractOptions,
): void {
  check('connectionContract: the name', name, TEXT);
  check('connectionContract: what connects', connect, FUNCTION);
  checkOptions('connectionContract', options, RULES);
  const { describe, it, runs = RUNS_DEFAULT, seed = 1 } = options;
  const abilities: ConnectionAbilities = {
    resets: options.resets ?? true,
    names: options.names ?? true,
    halfClose: options.halfClose ?? true,
    keepsArrived: options.keepsArrived ?? true,
    keepsAfterWrite: options.keepsAfterWrite ?? options.keepsArrived ?? true,
  };
  const run = async (check: ConnectionCase) => {
    const pair = await connect();
    try {
      await check(pair, abilities);
    } finally {
      for (const connection of pair) connection.destroy();
    }
  };
  const declare = (group: string, ...cases: readonly ConnectionCases[]) =>
    describe(group, () => {
      for (const [title, check] of cases.flatMap(Object.entries<ConnectionCase>)) it(title, () => run(check));
    });

  describe(`${name} keeps the connection contract:`, () => {
    it('bytes arrive whole and in order, however they were cut and whenever the reader pauses', async () => {
      for (let at = seed; at < seed + runs; at++) {
        try {
          await run((pair) => checkRandomWrites(pair, randomFrom(at)));
        } catch (cause) {
          throw new Error(`it failed with the seed ${at}`, { cause });
        }
      }
    });
    declare('bytes', byteCases);
    declare('flow control', flowCases);
    declare(
      'ending',
      endCases,
      abilities.halfClose ? halfCloseCases : noHalfCloseCases,
      abilities.resets ? resetCases : noResetCases,
      abilities.keepsArrived ? keptCases : {},
      abilities.keepsAfterWrite ? failedWriteCases : {},
    );
    declare('writes', writeCases);
    it('ids differ, and each side is the other`s remote', () =>
      run(async ([left, right], { names }) => {
        assert.notEqual(left.id, right.id);
        if (names) assert.deepEqual([left.remote, right.remote], [right.local, left.local]);
      }));
  });
}
