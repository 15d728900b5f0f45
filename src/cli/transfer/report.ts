/** What is told of files on their way: as bars on a terminal, as lines, as JSON, or only what went wrong. */
import type { Output } from '../shared/output.ts';
import { barReport } from './report-bars.ts';
import { jsonReport } from './report-json.ts';
import { lineReport, quietReport } from './report-lines.ts';
import type { Transfer } from './transfer.ts';

export interface Summary {
  /** Files that arrived. */
  readonly files: number;
  /** Bytes of those. */
  readonly bytes: number;
  /** As many of them as were not there already when this run began: those it has sent or received. */
  readonly transferred: number;
  /** Files that did not arrive, and paths that could not be read. */
  readonly failed: number;
  readonly seconds: number;
}

/** What is to be printed about a failure, beside the words. */
export interface Failure {
  readonly message: string;
  /** The code of the server's refusal, where it was one. */
  readonly code?: string;
}

/** What there is to say of a file that arrived. */
export interface Done {
  /** Bytes of it that were there already when this run began. */
  readonly before: number;
  /** For machines. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface RetryTold {
  /** What failed. */
  readonly message: string;
  /** Which of the further tries it will be, from 1. */
  readonly attempt: number;
  readonly retries: number;
  /** Until then. */
  readonly seconds: number;
}

export interface Report {
  /** Before the first file: how much there is to do. More may be added. */
  readonly expect: (files: number, bytes: number) => void;
  /**
   * A try of the file begins behind so many bytes, which are there already; 0 when it begins from the start. Told before
   * anything of it passes.
   */
  readonly resumed: (transfer: Transfer, from: number) => void;
  /** So many bytes of the file are there; so many of them are durable there, where that is told. */
  readonly progress: (transfer: Transfer, bytes: number, durable?: number) => void;
  /** The file arrived, with so many bytes. */
  readonly done: (transfer: Transfer, bytes: number, done: Done) => void;
  readonly failed: (what: Transfer, failure: Failure) => void;
  /** Something failed that will be tried again. */
  readonly retry: (retry: RetryTold) => void;
  /** Something was left out, or is worth knowing. */
  readonly warn: (path: string, why: string) => void;
  /** The process is about to end: gives the terminal back as it was. */
  readonly abandon: () => void;
  /** After the last file. */
  readonly end: (summary: Summary) => void;
}

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
