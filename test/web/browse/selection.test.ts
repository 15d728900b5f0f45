/** What the keys choose in a folder. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { fileEntry } from '../../../src/web/browse/entry.ts';
import {
  among,
  type Key,
  nobody,
  onKey,
  type Selection,
  toggled,
} from '../../../src/web/browse/selection.ts';

const entries = Array.from({ length: 40 }, (_, i) => fileEntry({ name: `f${i}`, size: 0, mtime: 0 }));
const key = (name: string, more: Partial<Key> = {}): Key => ({
  key: name,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  ...more,
});
const keyed = (keys: readonly Key[], from: Selection = nobody): Selection =>
  keys.reduce((selection, each) => onKey(selection, entries, each) ?? selection, from);

describe('the keyboard', () => {
  test('the first arrow goes to the first entry, and the ends are the ends', () => {
    expect(keyed([key('ArrowDown')]).cursor).toBe('f0');
    expect(keyed([key('ArrowDown'), key('ArrowUp'), key('ArrowUp')]).cursor).toBe('f0');
    expect(keyed([key('End'), key('ArrowDown'), key('PageDown')]).cursor).toBe('f39');
  });

  test('Space chooses and no longer, and Shift chooses what is passed', () => {
    expect([...keyed([key('ArrowDown'), key(' ')]).chosen]).toEqual(['f0']);
    expect([...keyed([key('ArrowDown'), key(' '), key(' ')]).chosen]).toEqual([]);
    const passed = keyed([key('ArrowDown'), key('ArrowDown'), key('ArrowDown', { shiftKey: true })]);
    expect([...passed.chosen]).toEqual(['f1', 'f2']);
    expect(keyed([key('End'), key('Home', { shiftKey: true })]).chosen.size).toBe(40);
  });

  test('Ctrl+A chooses all, Escape nothing, and other keys are left to the page', () => {
    expect(keyed([key('a', { ctrlKey: true })]).chosen.size).toBe(40);
    expect(keyed([key('A', { metaKey: true }), key('Escape')]).chosen.size).toBe(0);
    expect(onKey(nobody, entries, key('Escape'))).toBeNull();
    expect(onKey(nobody, entries, key('ArrowDown', { ctrlKey: true }))).toBeNull();
    expect(onKey(nobody, [], key('ArrowDown'))).toBeNull();
  });

  property.prop([
    fc.array(fc.constantFrom('ArrowUp', 'ArrowDown', 'Home', 'End', 'PageUp', 'PageDown', ' ')),
  ])('the cursor is always an entry that is there', (keys) => {
    const { cursor, chosen } = keyed(keys.map((each) => key(each)));
    expect(cursor === null || entries.some(({ path }) => path === cursor)).toBe(true);
    expect(among({ cursor, chosen }, entries)).toEqual({ cursor, chosen });
  });

  test('what is gone is no longer chosen', () => {
    const selection = toggled(toggled(nobody, 'f1'), 'gone');
    expect([...among(selection, entries).chosen]).toEqual(['f1']);
    expect(among({ chosen: new Set(), cursor: 'gone' }, entries).cursor).toBeNull();
  });
});
