/** What is told while bars are drawn is seen whole, however narrow the terminal is. */
import { test as property } from '@fast-check/vitest';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createOutput } from '../../../../src/cli/shared/output.ts';
import { createBarReport } from '../../../../src/cli/transfer/report/bar-report.ts';
import type { Transfer } from '../../../../src/cli/transfer/report/report.ts';
import { createScreen } from '../../../support/processes/screen.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A report on a terminal, which is stdout and stderr too. */
function onScreen(columns: number) {
  const { stream, rows } = createScreen(columns);
  const output = createOutput({
    stdout: () => ({ write: (what) => void stream.write(String(what)) }),
    stderr: stream,
  });
  return { report: createBarReport(output, 'stored', stream), output, rows };
}

const reason = fc.string({ unit: fc.constantFrom('a', 'b', ' c'), minLength: 1, maxLength: 200 });

property.prop([fc.integer({ min: 20, max: 120 }), fc.array(reason, { minLength: 1, maxLength: 5 })])(
  'all of what went wrong stands above the bars, and nothing of a bar is among it',
  (columns, reasons) => {
    const { report, rows } = onScreen(columns);
    const transfers = reasons.map((_, i): Transfer => ({ path: `f${i}`, filename: `f${i}`, size: 10 }));
    report.expect(transfers.length + 1, 10 * transfers.length + 10);
    report.progress({ path: 'large', filename: 'large', size: 10 }, 5);
    for (const transfer of transfers) report.progress(transfer, 5);
    // They are drawn now and then.
    vi.advanceTimersByTime(1000);
    expect(rows().join()).toMatch(/large.*%/);
    for (const [i, message] of reasons.entries()) report.failed(transfers[i]!, { message });
    report.abandon();
    const seen = rows();
    const told = reasons.map(
      (message, i) => `sluice: f${i}: ${message}`.match(new RegExp(`.{1,${columns}}`, 'g'))!,
    );
    const lines = told.flat().map((line) => line.trimEnd());
    expect(seen.slice(0, lines.length)).toEqual(lines);
    expect(seen[lines.length]).toMatch(/^large/);
  },
);

test.each([80, 40])(
  'lines of a command stand above the bars on %i columns, and behind them once they are over',
  (columns) => {
    const { report, output, rows } = onScreen(columns);
    const names = Array.from(
      { length: 30 },
      (_, i) => `removed old/${i}${i % 7 === 0 ? '-long'.repeat(20) : ''}`,
    );
    report.expect(1, 10);
    output.line('before');
    const file = { path: 'a', filename: 'a', size: 10 };
    report.progress(file, 5);
    vi.advanceTimersByTime(1000);
    for (const name of names) {
      output.line(name);
      vi.advanceTimersByTime(30);
    }
    output.error('old/x: it could not be removed');
    report.done(file, 10, { before: 0, details: {} });
    report.end({ files: 1, bytes: 10, transferred: 10, failed: 0, removed: 30, seconds: 1 });
    output.flush();
    const inRows = (text: string) => text.match(new RegExp(`.{1,${columns}}`, 'g'))!;
    const above = ['before', ...names, 'sluice: old/x: it could not be removed'].flatMap(inRows);
    const seen = rows();
    expect(seen.slice(0, above.length)).toEqual(above);
    expect(seen[above.length]).toMatch(/^a .*stored$/);
    expect(seen[above.length + 1]).toMatch(/^1\/1 file.*100%/);
    expect(seen.slice(above.length + 2).join('')).toMatch(/^1 file, 10 B in 1.0 s .*, 30 removed/);
  },
);

test('a bar of all ends short of its end when files have failed, and says how many', () => {
  const { report, rows } = onScreen(80);
  const files = ['a', 'b', 'c', 'd'].map((name) => ({ path: name, filename: name, size: 10 }));
  report.expect(4, 40);
  for (const file of files) report.progress(file, 10);
  for (const file of files.slice(1)) report.failed(file, { message: 'there', code: 'exists' });
  report.done(files[0]!, 10, { before: 0, details: {} });
  report.abandon();
  expect(rows().find((row) => row.includes('/4 files'))).toMatch(/^1\/4 files .* 25% +10 B 3 failed$/);
});
