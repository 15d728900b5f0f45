/** The options for further tries and several connections, and the report of failed tries. */
import type { Command } from 'commander';
import type { Observable } from 'rxjs';
import { describeFault } from '../../client/client-fault.ts';
import type { Retry } from '../../client/pool/pool-options.ts';
import { RATE_MIN } from '../shared/bandwidth.ts';
import { byteRate, wholeNumber } from '../shared/option-parsers.ts';
import type { ConnectionFlags } from '../shared/server-option.ts';
import type { Report } from './report/report.ts';

export interface RetryFlags extends ConnectionFlags {
  readonly retries: number;
}

export const addRetriesOption = (command: Command): Command =>
  command.option('--retries <N>', 'further tries in a row that achieve nothing', wholeNumber(0, 1000), 5);

export const addRetryOptions = (command: Command): Command =>
  addRetriesOption(command)
    .option('--parallel <N>', 'connections at once, 1 to 64, or auto', parallelOf, 1)
    .option('--bwlimit <RATE>', 'the most bytes a second, such as 512K or 1.5M', byteRate(RATE_MIN));

const parallelOf = (text: string): number | 'auto' => (text === 'auto' ? text : wholeNumber(1, 64)(text));

/** Connections that break for the same reason within so many milliseconds are reported as one. */
const SAME_BREAK_MS = 50;

export function reportRetries(retries$: Observable<Retry>, report: Report): void {
  let lastReported = '';
  let at = 0;
  /** Connections of the last report: one that breaks again is a new break. They are at most all connections. */
  const broken = new Set<number>();
  retries$.subscribe(({ fault, attempt, retries, delay, connection }) => {
    const message = describeFault(fault);
    const what = `${attempt} ${message}`;
    const now = performance.now();
    const same =
      what === lastReported && now - at < SAME_BREAK_MS && (connection === null || !broken.has(connection));
    at = now;
    lastReported = what;
    if (!same) broken.clear();
    if (connection !== null) broken.add(connection);
    if (!same) report.retry({ message, attempt, retries, seconds: delay / 1000 });
  });
}
