/** Vitest's setupFiles: what fast-check tries begins with the seed of this run, unless a test has one of its own. */
import { configureGlobal, readConfigureGlobal } from 'fast-check';
import { testSeed } from './cases.ts';

configureGlobal({ ...readConfigureGlobal(), seed: testSeed });
