/** Addresses of views, and numbers as people read them. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { hashOf, routeOf } from '../../../src/web/shell/route-text.ts';
import { bytes, duration, sentence } from '../../../src/web/shell/words.ts';

describe('the address of a view', () => {
  property.prop([
    fc.constantFrom('files' as const, 'watch' as const, 'inspect' as const),
    fc.string({ unit: 'grapheme' }),
  ])('leads back to the view and the place, whatever is in it', (view, place) => {
    expect(routeOf(hashOf({ view, place }))).toEqual({ view, place });
  });

  test('an address of no view is that of the files, and one that is no encoding is what it says', () => {
    for (const hash of ['', '#', '#/', '#/elsewhere/x'])
      expect(routeOf(hash)).toEqual({ view: 'files', place: '' });
    expect(routeOf('#/files/100%')).toEqual({ view: 'files', place: '100%' });
  });
});

describe('words', () => {
  test('sizes have three digits and the unit that fits', () => {
    expect([0, 1, 1023, 1536, 10 * 1024 ** 2, 1024 ** 6].map(bytes)).toEqual([
      '0 B',
      '1 B',
      '1,020 B',
      '1.5 KiB',
      '10 MiB',
      '1,020 PiB',
    ]);
  });

  test('a time that is left is rounded up, and one that nobody knows is a dash', () => {
    expect([0, 0.2, 59.5, 3_725].map(duration)).toEqual(['0:00', '0:01', '1:00', '1:02:05']);
    expect(duration(Number.POSITIVE_INFINITY)).toBe('–');
  });

  test('a sentence has one full stop, whether what it ends with has one or not', () => {
    expect(['it broke', 'It broke.', 'Is it on?'].map(sentence)).toEqual([
      'it broke.',
      'It broke.',
      'Is it on?',
    ]);
  });
});
