/** What is told while bars are drawn is seen whole, however narrow the terminal is. */
import { test as property } from '@fast-check/vitest';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import type { Output } from '../../../../src/cli/shared/output.ts';
import { createBarReport } from '../../../../src/cli/transfer/report/bar-report.ts';
import type { Transfer } from '../../../../src/cli/transfer/report/report.ts';
import { createScreen } from '../../../support/processes/screen.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const reason = fc.string({ unit: fc.constantFrom('a', 'b', ' c'), minLength: 1, maxLength: 200 });

property.prop([fc.integer({ min: 20, max: 120 }), fc.array(reason, { minLength: 1, maxLength: 5 })])(
  'all of what went wrong stands above the bars, and nothing of a bar is among it',
  (columns, reasons) => {
    const { stream, rows } = createScreen(columns);
    const output = { line: () => {}, error: expect.unreachable } as Partial<Output> as Output;
    const report = createBarReport(output, 'stored', stream);
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
