/**
 * Vitest's setupFiles: what fast-check tries begins with the seed of this run.
 *
 * The number of cases is not set here: with it, `test` of @fast-check/vitest runs every test that often, also those that
 * try no cases. Each property says it itself, by `cases`.
 */
import { configureGlobal } from 'fast-check';
import { testSeed } from './cases.ts';

configureGlobal({ seed: testSeed });
