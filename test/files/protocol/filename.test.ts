import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import {
  explainBadFilename,
  NAME_BYTES_MAX,
  SEGMENT_BYTES_MAX,
} from '../../../src/files/protocol/filename.ts';
import { cases } from '../../support/random/cases.ts';

describe('a name is allowed', () => {
  test.each([
    'a',
    'a/b/c.txt',
    '.hidden',
    '...',
    'a..b',
    'a b',
    ' ',
    '文件/名字.txt',
    'émile',
    '😀',
    'sluice',
    '.sluice2',
    'a/.sluice',
    '~',
    '-rf',
    'con',
    'x'.repeat(SEGMENT_BYTES_MAX),
    `${'x'.repeat(255)}/${'y'.repeat(255)}/${'z'.repeat(255)}/${'w'.repeat(256 - 1)}`,
  ])('the name %j is allowed', (name) => expect(explainBadFilename(name)).toBeNull());
});

describe('a name is refused', () => {
  test.each([
    ['', 'empty'],
    ['/a', 'absolute'],
    ['//a', 'absolute'],
    ['..', "'.' or '..'"],
    ['.', "'.' or '..'"],
    ['../a', "'.' or '..'"],
    ['a/..', "'.' or '..'"],
    ['a/./b', "'.' or '..'"],
    ['a//b', 'empty segment'],
    ['a/', 'empty segment'],
    ['a\\b', 'backslash'],
    ['..\\a', 'backslash'],
    ['C:\\a', 'backslash'],
    ['C:/a', 'drive letter'],
    ['c:a', 'drive letter'],
    ['a\0', 'control character'],
    ['a\nb', 'control character'],
    ['a\x7f', 'control character'],
    ['a\x85', 'control character'],
    ['\ud800', 'surrogate'],
    ['a\udc00b', 'surrogate'],
    ['.sluice', "store's own"],
    ['.sluice/tmp/x', "store's own"],
    ['.Sluice/x', "store's own"],
    ['.ſluice/x', "store's own"],
    ['x'.repeat(SEGMENT_BYTES_MAX + 1), 'segment longer'],
    ['名'.repeat(86), 'segment longer'],
    [Array(6).fill('x'.repeat(200)).join('/'), `longer than ${NAME_BYTES_MAX}`],
  ])('the name %j is refused: %s', (name, why) => expect(explainBadFilename(name)).toContain(why));

  test.each([undefined, null, 7, {}, ['a']])('the name %j is refused: it is not a string', (name) =>
    expect(explainBadFilename(name)).toContain('not a string'),
  );
});

const segment = fc.stringMatching(/^[a-z0-9 _.文-]{1,12}$/u).filter((it) => it !== '.' && it !== '..');
property.prop([fc.array(segment, { minLength: 1, maxLength: 8 })])(
  'plain segments joined by / are allowed',
  (segments) => {
    fc.pre(segments[0] !== '.sluice');
    expect(explainBadFilename(segments.join('/'))).toBeNull();
  },
);

property.prop([fc.string({ unit: 'binary', maxLength: 40 })], { numRuns: cases(500) })(
  'an allowed name, resolved below a folder, stays below it',
  (name) => {
    fc.pre(explainBadFilename(name) === null);
    const steps = name.split('/');
    expect(steps).not.toContain('..');
    expect(steps).not.toContain('');
    expect(name).not.toMatch(/[\0\\]/);
    expect(new TextDecoder().decode(new TextEncoder().encode(name))).toBe(name);
  },
);
