/** What an operation fails with: by default one of several errors, in the long form (`TEST_CASES`) each of them. */
import { cases, testSeed } from '../random/cases.ts';
import { between, randomFrom } from '../random/seeded.ts';

/**
 * The errors for the nth operation. Which one is drawn for the first by the seed of the run; those behind it have the
 * next, so that every error is tried somewhere.
 */
export function errorsAt(nth: number, errnos: readonly string[]): string[] {
  const first = nth + between(randomFrom(testSeed), 0, errnos.length - 1);
  const count = Math.min(cases(1), errnos.length);
  return Array.from({ length: count }, (_, i) => errnos[(first + i) % errnos.length] ?? '');
}

/**
 * Runs a scenario while its nth operation fails, for n = 0, 1, 2 …, until there are not so many operations, with
 * `errorsAt` each. Returns how many there are.
 *
 * @param run whether there were so many operations.
 */
export async function everyOperationInTurn(
  errnos: readonly string[],
  run: (errno: string, nth: number) => Promise<boolean>,
): Promise<number> {
  for (let nth = 0; ; nth++) {
    for (const errno of errorsAt(nth, errnos)) if (!(await run(errno, nth))) return nth;
  }
}
