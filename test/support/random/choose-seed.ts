/** Vitest's globalSetup: all random tests of a run begin with one seed, which is printed, and can be given again. */
import { casesFactor } from './cases.ts';

export default function chooseSeed(): void {
  // Workers start with the environment of this process.
  process.env.TEST_SEED ||= String(Math.floor(Math.random() * 2 ** 31));
  const times = casesFactor === 1 ? '' : `, TEST_CASES=${casesFactor}`;
  console.log(`Random tests: TEST_SEED=${process.env.TEST_SEED}${times}`);
}
