/** Whether a command colours what it prints. */
import { expect, test } from 'vitest';
import { painter, usesColor } from '../../../src/cli/shared/color.ts';

test.each([
  ['auto', {}, true, true],
  ['auto', {}, false, false],
  ['auto', { NO_COLOR: '1' }, true, false],
  ['auto', { NO_COLOR: '' }, true, true],
  ['auto', { TERM: 'dumb' }, true, false],
  ['always', { NO_COLOR: '1', TERM: 'dumb' }, false, true],
  ['never', {}, true, false],
] as const)('--color %s with %j, on a terminal: %s, colours: %s', (choice, env, isTerminal, expected) => {
  expect(usesColor(choice, env, isTerminal)).toBe(expected);
});

test('a text is painted with escapes around it, or left as it is', () => {
  expect(painter(true)('fault', 'a')).toBe('\u001b[31ma\u001b[39m');
  expect(painter(false)('fault', 'a')).toBe('a');
});
