/** A report for machines: one JSON object a line, on stdout; the last one is the summary. */
import type { Output } from './output.ts';
import type { Report } from './report.ts';

/** Milliseconds between two lines of progress of one file. */
const every = 1000;

export function jsonReport(output: Output, verb: string): Report {
  let since = Date.now();
  return {
    expect: (files, bytes) => output.json({ event: 'expect', files, bytes }),
    progress: ({ filename, size }, bytes, durable) => {
      const now = Date.now();
      if (bytes === size || now - since < every) return;
      since = now;
      const known = durable === undefined ? {} : { durable };
      output.json({ event: 'progress', filename, bytes, ...known, total: size });
    },
    done: ({ path, filename }, size, details) =>
      output.json({ event: verb, path, filename, size, ...details }),
    failed: ({ path, filename }, { message, code }) =>
      output.json({
        event: code === undefined ? 'failed' : 'refused',
        path,
        filename,
        ...(code === undefined ? {} : { code }),
        message,
      }),
    retry: (retry) => output.json({ event: 'retry', ...retry }),
    warn: (path, why) => output.json({ event: 'skipped', path, why }),
    abandon: () => {},
    end: (summary) => output.json({ event: 'summary', ...summary }),
  };
}
