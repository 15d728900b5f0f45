/** Picks the report of a run: bars on a terminal, plain lines, JSON, or only what went wrong. */
import type { Output } from '../shared/output.ts';
import type { Report } from './report.ts';
import { barReport } from './report-bars.ts';
import { jsonReport } from './report-json.ts';
import { lineReport, quietReport } from './report-lines.ts';

export interface ReportFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** @param verb what happens to a file that arrives: `stored`, `received`, `sent`. */
export function createReport(flags: ReportFlags, output: Output, verb: string): Report {
  if (flags.json) return jsonReport(output, verb);
  if (flags.quiet) return quietReport(output);
  const terminal = process.stderr.isTTY && process.stdout.isTTY;
  return terminal ? barReport(output, verb) : lineReport(output, verb);
}
