/**
 * Vitest's setupFiles: what fast-check tries begins with the seed of this run, and where a test does not say how many
 * cases it tries, it is the number by which all are multiplied times a hundred.
 */
import { configureGlobal } from 'fast-check';
import { cases, testSeed } from './cases.ts';

configureGlobal({ seed: testSeed, numRuns: cases(100) });
