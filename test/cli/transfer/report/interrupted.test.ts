/** What is said when a signal ends the transfer of several files. */
import { expect, test } from 'vitest';
import type { Output } from '../../../../src/cli/shared/output.ts';
import { interruptible } from '../../../../src/cli/transfer/report/interrupted.ts';
import type { Report, Transfer } from '../../../../src/cli/transfer/report/report.ts';

const transfers = ['a', 'b', 'film'].map(
  (name): Transfer => ({ path: `./${name}`, filename: name, size: 1 }),
);

/** What is told of so many files when so many are done, and `film` is in its middle. */
function told(files: number, done: number, repeats: string | null, keeps = false) {
  const lines: string[] = [];
  const output = { error: (text: string) => lines.push(text) } as Partial<Output> as Output;
  const counts = { expect: 0, done: 0 };
  const inner = {
    expect: () => counts.expect++,
    done: () => counts.done++,
    abandon: () => lines.push('(the terminal is given back)'),
  } as Partial<Report> as Report;
  const kept = new Set(keeps ? [transfers[2]!] : []);
  const { report, print } = interruptible(inner, { output, kept, verb: 'are stored', repeats });
  report.expect(files, files);
  for (let i = 0; i < done; i++) report.done(transfers[i]!, 1, { before: 0, details: {} });
  expect(counts).toEqual({ expect: 1, done });
  print();
  return lines;
}

test('a folder that was interrupted is told with how many files are stored, that the same command goes on, and what it does again', () => {
  expect(told(300, 2, 'sends')).toEqual([
    '(the terminal is given back)',
    'interrupted: 2 of 300 files are stored; the same command goes on, and sends those 2 once more',
  ]);
  expect(told(300, 1, 'sends').at(-1)).toMatch(/goes on, and sends that one once more$/);
});

test('a folder of which nothing is stored, or nothing is sent again, is told with just that the same command goes on', () => {
  expect(told(300, 0, 'sends').at(-1)).toBe(
    'interrupted: 0 of 300 files are stored; the same command goes on',
  );
  expect(told(300, 2, null).at(-1)).toBe('interrupted: 2 of 300 files are stored; the same command goes on');
});

test('a large file that was interrupted in its middle is told with that the same command goes on where it was, and no count when it is alone', () => {
  const goesOn = './film: the same command goes on where it was';
  expect(told(300, 2, 'sends', true)).toHaveLength(3);
  expect(told(300, 2, 'sends', true).at(-1)).toBe(goesOn);
  expect(told(1, 0, 'sends', true)).toEqual(['(the terminal is given back)', goesOn]);
  expect(told(1, 0, 'sends')).toEqual(['(the terminal is given back)']);
});
