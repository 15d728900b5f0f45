/** A report in plain lines: what arrived on stdout, what went wrong on stderr. */

import { formatBytes, plainCountOf } from '../../../base/units.ts';
import { ofName, printable } from '../../shared/format.ts';
import type { Output } from '../../shared/output.ts';
import type { Report, RetryNotice, Summary, Transfer, TransferFault } from './report.ts';

export function lineReport(output: Output, verb: string): Report {
  return {
    ...quietReport(output),
    retry: (retry) => output.error(retryInWords(retry)),
    done: ({ filename }, bytes, { before }) => {
      const from = before > 0 ? `, from ${formatBytes(before)} on` : '';
      output.line(`${verb} ${printable(filename)} (${formatBytes(bytes)}${from})`);
    },
    end: (summary) => output.line(summaryInWords(summary)),
  };
}

/** Prints only what went wrong. */
export function quietReport(output: Output): Report {
  return {
    expect: () => {},
    resumed: () => {},
    progress: () => {},
    done: () => {},
    failed: (what, failure) => output.error(faultInLine(what, failure)),
    retry: () => {},
    warn: (path, why) => output.error(`${printable(path)}: skipped, ${why}`),
    abandon: () => {},
    end: () => {},
  };
}

/** Refusals that are about the name on the server. */
const OF_THE_NAME: ReadonlySet<string | undefined> = new Set(['bad-filename', 'exists']);

/**
 * Describes a failed file by its path on this machine, with its name on the server beside it if that name was refused.
 * What came from stdin has only that name.
 *
 * @example 'x as ../x: the file name is not allowed: …'
 */
export function faultInLine({ path, filename }: Transfer, { code, message }: TransferFault): string {
  const isRenamed = OF_THE_NAME.has(code) && !path.endsWith(filename);
  return ofName(
    path === '' || path === '-' ? filename : isRenamed ? `${path} as ${filename}` : path,
    message,
  );
}

/** @example 'the connection broke (ECONNRESET): trying again in 0.8 s, 2 of 5' */
export const retryInWords = ({ message, attempt, retries, seconds }: RetryNotice): string =>
  `${printable(message)}: trying again in ${seconds.toFixed(1)} s, ${attempt} of ${retries}`;

/**
 * Sums a run up: how much it has moved and how fast, and how much was there already.
 *
 * @example '3 files, 12.0 MiB in 1.2 s (10.0 MiB/s), 410 MiB were there already, 1 failed'
 */
export function summaryInWords(summary: Summary): string {
  const {
    files,
    bytes,
    transferred,
    failed,
    existing = 0,
    unchanged = 0,
    newer = 0,
    removed = 0,
    leftOut = 0,
    seconds,
  } = summary;
  const rate = seconds > 0 ? ` (${formatBytes(transferred / seconds)}/s)` : '';
  const before = bytes > transferred ? `, ${formatBytes(bytes - transferred)} were there already` : '';
  const same = unchanged > 0 ? `, ${plainCountOf(unchanged, 'file')} unchanged` : '';
  const later = newer > 0 ? `, ${newer} newer there` : '';
  const gone = removed > 0 ? `, ${removed} removed` : '';
  const out = leftOut > 0 ? `, ${leftOut} left out` : '';
  const there = existing > 0 ? ` (${existingInWords(existing, failed)})` : '';
  const bad = failed > 0 ? `, ${failed} failed${there}` : '';
  return `${plainCountOf(files, 'file')}, ${formatBytes(transferred)} in ${seconds.toFixed(1)} s${rate}${before}${same}${later}${gone}${out}${bad}`;
}

function existingInWords(existing: number, failed: number): string {
  const which = existing < failed ? `${existing} ` : existing === 1 ? '' : 'all ';
  return `${which}because ${existing === 1 ? 'it exists' : 'they exist'}`;
}
