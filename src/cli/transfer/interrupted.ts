/** What a command says of several files when a signal ends their transfer. */

import { formatFileCount, printable } from '../shared/format.ts';
import type { Output } from '../shared/output.ts';
import type { Report, Transfer } from './report.ts';

export interface Interruption {
  /** The same report, which is listened to from now on. */
  readonly report: Report;
  /** Tells how far it is, and which files the same command would go on with in their middle. */
  readonly print: () => void;
}

export interface InterruptionDeps {
  readonly output: Output;
  /** Files of which there is a part, on the other side or on this one. */
  readonly kept: ReadonlySet<Transfer>;
  /** What has become of those that are done. @example 'stored' */
  readonly verb: string;
  /** What the same command does with those. @example 'sends' */
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
          `interrupted: ${done} of ${formatFileCount(all)} ${verb}; the same command goes on${remainder}`,
        );
      }
      for (const { path } of kept) output.error(resumableLine(path));
    },
  };
}

/** What is said of a file of which there is a part. */
export const resumableLine = (path: string): string =>
  `${printable(path)}: the same command goes on where it was`;
