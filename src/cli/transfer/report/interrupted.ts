/** The messages about unfinished files when a signal ends a transfer. */

import { plainCountOf } from '../../../base/units.ts';
import { printable } from '../../shared/format.ts';
import type { Output } from '../../shared/output.ts';
import type { Report, Transfer } from './report.ts';

export interface Interruption {
  /** The same report, which counts finished files from now on. */
  readonly report: Report;
  /** Prints how many files are finished, and which ones the same command would resume. */
  readonly print: () => void;
}

export interface InterruptionDeps {
  readonly output: Output;
  /** Unfinished files of which the server, or this machine, keeps a part. */
  readonly kept: ReadonlySet<Transfer>;
  /** The result for finished files. @example 'are stored' */
  readonly verb: string;
  /** What the same command would do with finished files again; null for nothing. @example 'sends' */
  readonly repeats: string | null;
}

/**
 * @example
 * 'interrupted: 12 of 300 files are stored; the same command goes on, and sends those 12 once more'
 */
export function interruptible(
  report: Report,
  { output, kept, verb, repeats }: InterruptionDeps,
): Interruption {
  let [done, all] = [0, 0];
  return {
    report: {
      ...report,
      expect: (files, bytes) => {
        all += files;
        report.expect(files, bytes);
      },
      done: (...what) => {
        done++;
        report.done(...what);
      },
    },
    print: () => {
      report.abandon();
      if (all > 1) {
        const remainder =
          done === 0 || repeats === null
            ? ''
            : `, and ${repeats} ${done === 1 ? 'that one' : `those ${done}`} once more`;
        output.error(
          `interrupted: ${done} of ${plainCountOf(all, 'file')} ${verb}; the same command goes on${remainder}`,
        );
      }
      for (const { path } of kept) output.error(resumableLine(path));
    },
  };
}

/** The message about a file that the same command would resume. */
export const resumableLine = (path: string): string =>
  `${printable(path)}: the same command goes on where it was`;
