import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import type { Output } from '../../../../src/cli/shared/output.ts';
import { type BarFacts, drawBar } from '../../../../src/cli/transfer/report/draw-bar.ts';
import { createJsonReport } from '../../../../src/cli/transfer/report/json-report.ts';
import { lineReport, quietReport } from '../../../../src/cli/transfer/report/line-report.ts';
import { createMeter } from '../../../../src/cli/transfer/report/meter.ts';
import { createSpeed } from '../../../../src/client/transfers/speed.ts';

function taken() {
  const lines: string[] = [];
  const output: Output = {
    line: (text) => lines.push(text),
    json: (value) => lines.push(JSON.stringify(value)),
    bytes: async () => {},
    error: (text) => lines.push(`! ${text}`),
    isClosed: () => false,
    redirect: () => {},
    flush: () => {},
  };
  return { lines, output };
}

const transfer = { path: 'dir/a\x1b', filename: 'a', size: 2000 };
const summary = { files: 1, bytes: 2000, transferred: 2000, failed: 1, seconds: 2 };
const done = { before: 0, details: {} };

test('a report in lines says what arrived, and what went wrong with nothing that moves the cursor', () => {
  const { lines, output } = taken();
  const report = lineReport(output, 'stored');
  report.expect(1, 2000);
  report.progress(transfer, 1000);
  report.done(transfer, 2000, done);
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

test('a quiet report says only what went wrong', () => {
  const { lines, output } = taken();
  const report = quietReport(output);
  report.done(transfer, 2000, done);
  report.failed({ ...transfer, path: '' }, { message: 'no' });
  report.end(summary);
  const refused = { message: 'not allowed', code: 'bad-filename' };
  report.failed({ ...transfer, path: 'x', filename: '../x' }, refused);
  report.failed({ ...transfer, path: '../d/x', filename: 'd/x' }, refused);
  report.failed({ ...transfer, path: 'x', filename: 'y' }, { message: 'no' });
  report.failed({ ...transfer, path: 'x', filename: 'y' }, { message: 'there', code: 'exists' });
  report.failed({ ...transfer, path: '-', filename: 'y' }, { message: 'there', code: 'exists' });
  expect(lines).toEqual([
    '! a: no',
    '! x as ../x: not allowed',
    '! ../d/x: not allowed',
    '! x: no',
    '! x as y: there',
    '! y: there',
  ]);
});

test.each([
  [1, 1, '1 failed (because it exists)'],
  [2, 2, '2 failed (all because they exist)'],
  [1, 3, '3 failed (1 because it exists)'],
  [2, 3, '3 failed (2 because they exist)'],
])('a summary says of %i files that exist, of %i that failed: %s', (existing, failed, words) => {
  const { lines, output } = taken();
  lineReport(output, 'stored').end({ ...summary, existing, failed });
  expect(lines.join()).toContain(words);
});

test('a report as JSON has an object a line, and progress no more than once a second', () => {
  const { lines, output } = taken();
  const report = createJsonReport(output, 'stored');
  for (let bytes = 0; bytes < 2000; bytes++) report.progress(transfer, bytes);
  report.retry({ message: 'lost', attempt: 2, retries: 5, seconds: 0.8 });
  report.done(transfer, 2000, { before: 0, details: { crc32: 7 } });
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

test('lines and JSON say from where a file goes on, and the summary counts what this run has moved', () => {
  const film = { path: 'a', filename: 'a', size: 900 };
  const lines = taken();
  const json = taken();
  for (const report of [lineReport(lines.output, 'stored'), createJsonReport(json.output, 'stored')]) {
    report.resumed(film, 700);
    report.done(film, 900, { before: 700, details: { resumedFrom: 700 } });
    report.end({ ...summary, bytes: 900, transferred: 200 });
  }
  expect(lines.lines).toEqual([
    'stored a (900 B, from 700 B on)',
    '1 file, 200 B in 2.0 s (100 B/s), 700 B were there already, 1 failed',
  ]);
  expect(json.lines.map((line) => JSON.parse(line))).toMatchObject([
    { event: 'stored', size: 900, resumedFrom: 700 },
    { event: 'summary', bytes: 900, transferred: 200 },
  ]);
});

describe('a bar', () => {
  const facts = { label: 'photos/照片/'.repeat(9), value: 500, total: 1000, rate: 100 };
  const widthOf = (line: string) => [...line].reduce((sum, it) => sum + (/[照片]/.test(it) ? 2 : 1), 0);
  const bars = /[█▓░]/;

  test('a bar has the name, how much is done, how fast it goes, and when it will be over', () => {
    expect(drawBar(facts, 100)).toMatch(/^photos\/.*… ?.* █{12}░{12} {2}50% {4}500 B 100 B\/s, 0:05 left$/);
    expect(drawBar({ label: 'x', value: 0, total: 0, rate: 0 }, 80)).toContain('100%');
    // What is sent and not durable yet is lighter.
    expect(drawBar({ ...facts, durable: 250 }, 100)).toContain(' ██████▓▓▓▓▓▓░');
    expect(drawBar({ ...facts, note: 'stored' }, 100)).toMatch(/ stored$/);
    expect(drawBar({ ...facts, from: 410 }, 80)).toMatch(/ 100 B\/s, 0:05 left, from 410 B on$/);
  });

  const counted = { ...facts, label: '257/2000 files', counts: true };

  test.each([
    [80, '257/2000 files ████████████░░░░░░░░░░░░  50%    500 B 100 B/s, 0:05 left'],
    [64, '257/2000 files ████░░░░  50%    500 B 100 B/s, 0:05 left'],
    [50, '257/2000 files  50%    500 B 100 B/s, 0:05 left'],
    [44, '257/2000 files 50% 500 B 100 B/s, 0:05 left'],
    [40, '257/2000 files  50% 100 B/s, 0:05 left'],
    [30, '257/2000 files  50% 0:05 left'],
    [20, '257/2000 files  50%'],
  ])('a bar in %i columns gives up its own width first, and then fields', (columns, line) => {
    expect(drawBar(counted, columns)).toBe(line);
  });

  test.each([
    [40, 'ph…/照片/       50% 100 B/s, 0:05 left', undefined],
    [20, 'ph…/照片/   50%', undefined],
    [40, 'photos/照…照片/  50% waiting', 'waiting for the other side'],
    [20, 'ph…/照片/ failed', 'failed'],
  ])('a bar in %i columns has the end of a name, and what is said of it: %s', (columns, _, note) => {
    const line = drawBar(note === undefined ? facts : { ...facts, note }, columns);
    expect(line).toContain('片/');
    expect(line).toContain(note?.split(' ')[0] ?? '50%');
    expect(widthOf(line)).toBeLessThan(columns);
  });

  const some = fc.record({
    label: fc.stringMatching(/^[a-z照片/]{1,90}$/),
    value: fc.nat(2e12),
    total: fc.nat(2e12),
    durable: fc.option(fc.nat(2e12), { nil: undefined }),
    rate: fc.oneof(fc.constant(0), fc.nat(2e10)),
    from: fc.nat(2e12),
  });
  const note = fc.option(fc.constantFrom('stored', 'failed', 'waiting for the other side'), {
    nil: undefined,
  });
  const columns = fc.integer({ min: 20, max: 200 });

  property.prop([some, note, columns])(
    'a bar is narrower than any terminal from 20 columns on',
    (facts, note, columns) => {
      const line = drawBar(note === undefined ? facts : { ...facts, note }, columns);
      expect(widthOf(line)).toBeLessThan(columns);
    },
  );

  property.prop([some, fc.nat(99_999), fc.nat(99_999), columns])(
    'a bar never has a part of a counter, and has no width where a field is missing',
    (facts, files, all, columns) => {
      const label = `${files}/${all} files`;
      const line = drawBar({ ...facts, label, counts: true }, columns);
      expect(line.length).toBeLessThan(columns);
      expect(line).toContain(label);
      if (bars.test(line)) {
        const fields = ['%', 'B', 'B/s', ' left', ...(facts.from > 0 ? [' on'] : [])];
        for (const field of fields) expect(line.replace(label, '')).toContain(field);
      }
    },
  );

  test('a bar with a counter that is too wide for the terminal loses a word, and no number', () => {
    const wide = { ...counted, label: '123456/1000000 files' };
    expect(drawBar(wide, 20)).toBe('123456/1000000  50%');
  });

  test('a bar is in line with those below it', () => {
    const common = { label: counted.label.length, from: true };
    for (const columns of [80, 100, 140]) {
      const lines = [facts, { ...facts, from: 400 }, counted, { ...counted, note: 'stored' }].map(
        (each: BarFacts) => drawBar(each, columns, common),
      );
      const places = lines.map((line) => widthOf(line.slice(0, line.indexOf('%'))));
      expect(new Set(places).size).toBe(1);
    }
  });
});

describe('what is done of all files, and how fast', () => {
  const file = (size: number) => ({ path: 'a', filename: 'a', size });

  test('what was there already counts as done, and not as moved', () => {
    let now = 0;
    const meter = createMeter(() => now);
    const film = file(600e6);
    meter.resumed(film, 410e6);
    expect([meter.value(), meter.rate()]).toEqual([410e6, 0]);
    now = 1000;
    meter.at(film, 440e6);
    expect([meter.value(), meter.rate()]).toEqual([440e6, 30e6]);
    // The connection breaks, and is made again: the server has less than was sent.
    meter.resumed(film, 430e6);
    expect([meter.value(), meter.rate()]).toEqual([430e6, 30e6]);
    now = 2000;
    meter.at(film, 460e6);
    expect([meter.value(), meter.rate()]).toEqual([460e6, 30e6]);
  });

  const tries = fc.array(
    fc.record({ file: fc.nat(2), from: fc.nat(1000), sent: fc.array(fc.nat(1000), { maxLength: 5 }) }),
    { maxLength: 10 },
  );

  property.prop([tries])(
    'the speed is never faster than what was moved, whatever was there before',
    (tries) => {
      let now = 0;
      let moved = 0;
      const meter = createMeter(() => now);
      const files = [file(1000), file(1000), file(1000)];
      for (const { file, from, sent } of tries) {
        meter.resumed(files[file]!, from);
        let at = from;
        for (const bytes of sent.toSorted((a, b) => a - b)) {
          if (bytes < at) continue;
          moved += bytes - at;
          at = bytes;
          now += 100;
          meter.at(files[file]!, bytes);
          expect(meter.rate()).toBeLessThanOrEqual(
            (moved / Math.max(Math.min(now, 5000), 200)) * 1000 + 1e-6,
          );
        }
      }
      for (const each of files) meter.arrived(each);
      expect(meter.value()).toBe(3000);
    },
  );
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
  expect(speed.rate()).toBe(0);
  now = 21_000;
  speed.at(4000);
  expect(speed.rate()).toBeCloseTo(3000, 0);
});

test('speed is not that of what goes into buffers at once, nor of what lies before where it goes on', () => {
  let now = 0;
  const speed = createSpeed(() => now, 400e6);
  now = 1;
  speed.at(401e6);
  expect(speed.rate()).toBe(5e6);
  speed.from(900e6);
  expect(speed.rate()).toBe(0);
  now = 1001;
  speed.at(930e6);
  expect(speed.rate()).toBe(30e6);
});
