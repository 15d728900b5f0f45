import { expect, test } from 'vitest';
import type { Output } from '../../src/cli/output.ts';
import { drawBar } from '../../src/cli/report-bars.ts';
import { jsonReport } from '../../src/cli/report-json.ts';
import { lineReport, quietReport } from '../../src/cli/report-lines.ts';
import { createSpeed } from '../../src/client/speed.ts';

function taken() {
  const lines: string[] = [];
  const output: Output = {
    line: (text) => lines.push(text),
    json: (value) => lines.push(JSON.stringify(value)),
    bytes: async () => {},
    trouble: (text) => lines.push(`! ${text}`),
    gone: () => false,
    flush: () => {},
  };
  return { lines, output };
}

const transfer = { path: 'dir/a\x1b', filename: 'a', size: 2000 };
const summary = { files: 1, bytes: 2000, failed: 1, seconds: 2 };

test('lines: what arrived, and what went wrong with nothing that moves the cursor', () => {
  const { lines, output } = taken();
  const report = lineReport(output, 'stored');
  report.expect(1, 2000);
  report.progress(transfer, 1000);
  report.done(transfer, 2000, {});
  report.failed(transfer, { message: 'no\x07' });
  report.warn('x', 'a link');
  report.retry({ message: 'lost', attempt: 2, retries: 5, seconds: 0.8 });
  report.end(summary);
  expect(lines).toEqual([
    'stored a (2.0 KiB)',
    '! dir/a\\u{1b}: no\\u{7}',
    '! x: skipped, a link',
    '! lost: trying again in 0.8 s, 2 of 5',
    '1 file, 2.0 KiB in 2.0 s (1.0 KiB/s), 1 failed',
  ]);
});

test('quiet: only what went wrong', () => {
  const { lines, output } = taken();
  const report = quietReport(output);
  report.done(transfer, 2000, {});
  report.failed({ ...transfer, path: '' }, { message: 'no' });
  report.end(summary);
  expect(lines).toEqual(['! a: no']);
});

test('JSON: an object a line, and progress no more than once a second', () => {
  const { lines, output } = taken();
  const report = jsonReport(output, 'stored');
  for (let bytes = 0; bytes < 2000; bytes++) report.progress(transfer, bytes);
  report.retry({ message: 'lost', attempt: 2, retries: 5, seconds: 0.8 });
  report.done(transfer, 2000, { crc32: 7 });
  report.failed(transfer, { message: 'no', code: 'disk-full' });
  report.failed(transfer, { message: 'no' });
  report.end(summary);
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { event: 'retry', message: 'lost', attempt: 2, retries: 5, seconds: 0.8 },
    { event: 'stored', path: 'dir/a\x1b', filename: 'a', size: 2000, crc32: 7 },
    { event: 'refused', path: 'dir/a\x1b', filename: 'a', code: 'disk-full', message: 'no' },
    { event: 'failed', path: 'dir/a\x1b', filename: 'a', message: 'no' },
    { event: 'summary', ...summary },
  ]);
});

test('a bar fits its terminal, however long the name', () => {
  const facts = { label: 'photos/照片/'.repeat(9), value: 5e6, total: 1e7, rate: 1e6 };
  expect(drawBar(facts, 100)).toMatch(
    /^photos\/.*… ?.* █{12}░{12} {2}50% {2}4\.8 MiB 977 KiB\/s, 0:05 left$/,
  );
  expect(drawBar({ ...facts, label: 'a'.repeat(200) }, 80).length).toBeLessThanOrEqual(80);
  expect(drawBar({ label: 'x', value: 0, total: 0, rate: 0 }, 80)).toContain('100%');
  // What is sent and not durable yet is lighter.
  expect(drawBar({ ...facts, durable: 2.5e6 }, 100)).toContain(' ██████▓▓▓▓▓▓░');
  expect(drawBar({ ...facts, note: 'stored' }, 100)).toMatch(/ stored$/);
});

test('speed is that of the last seconds', () => {
  let now = 0;
  const speed = createSpeed(() => now);
  expect(speed.rate()).toBe(0);
  for (now = 200; now <= 20_000; now += 200) speed.at(now <= 10_000 ? now : 10_000 + (now - 10_000) * 5);
  now = 20_000;
  expect(speed.rate()).toBeCloseTo(5000, 0);
  // It begins again from further back: not a speed below nothing.
  speed.at(1000);
  now = 21_000;
  speed.at(4000);
  expect(speed.rate()).toBeCloseTo(3000, 0);
});
