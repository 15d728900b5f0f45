/**
 * How many cases the random tests try. `TEST_CASES=20` has each try twenty times as many as it does by default,
 * and `TEST_SEED=7` has all of them begin with that seed.
 */

/** By how much the number of cases is multiplied. */
export const casesFactor = Number(process.env.TEST_CASES || 1);
if (!(casesFactor > 0)) throw new Error(`TEST_CASES is a positive number, not ${casesFactor}`);

/** Whether tests that take minutes are run: in `npm run test:long`, and not in the shorter round that CI has. */
export const isLongest = casesFactor >= 10;

/**
 * The number of cases of a test, where the default is so many.
 *
 * @example test.prop([fc.string()], { numRuns: cases(500) })('…', (text) => { … });
 */
export const cases = (byDefault: number): number => Math.max(1, Math.round(byDefault * casesFactor));

/** The seed that was asked for, or the one that `choose-seed.ts` chose. */
export const testSeed = Number(process.env.TEST_SEED || 1) | 0;
