/** A report for machines: one JSON object a line, on stdout; the last one is the summary. */
import type { Output } from '../../shared/output.ts';
import type { Report, Transfer } from './report.ts';

/** Milliseconds between two lines of progress of one file. */
const PROGRESS_INTERVAL_MS = 1000;

export function createJsonReport(output: Output, verb: string): Report {
  let since = Date.now();
  /** Where unfinished files were resumed, if not from the start. */
  const resumed = new Map<Transfer, number>();
  return {
    expect: (files, bytes) => output.json({ event: 'expect', files, bytes }),
    resumed: (transfer, from) => {
      if (from > 0) resumed.set(transfer, from);
      else resumed.delete(transfer);
    },
    progress: (transfer, bytes, durable) => {
      const { filename, size } = transfer;
      const now = Date.now();
      if (bytes === size || now - since < PROGRESS_INTERVAL_MS) return;
      since = now;
      const known = durable === undefined ? {} : { durable };
      const resumedFrom = resumed.get(transfer);
      const from = resumedFrom === undefined ? {} : { resumedFrom };
      output.json({ event: 'progress', filename, bytes, ...known, ...from, total: size });
    },
    done: (transfer, size, { details }) => {
      const { path, filename } = transfer;
      resumed.delete(transfer);
      output.json({ event: verb, path, filename, size, ...details });
    },
    failed: (transfer, { message, code }) => {
      const { path, filename } = transfer;
      resumed.delete(transfer);
      output.json({
        event: code === undefined ? 'failed' : 'refused',
        path,
        filename,
        ...(code === undefined ? {} : { code }),
        message,
      });
    },
    retry: (retry) => output.json({ event: 'retry', ...retry }),
    warn: (path, why) => output.json({ event: 'skipped', path, why }),
    abandon: () => {},
    end: (summary) => output.json({ event: 'summary', ...summary }),
  };
}
