/** Listing one folder of a server that knows names alone: beside a model that reads all names. */
import { fc, test as property } from '@fast-check/vitest';
import { lastValueFrom, of } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { Listing } from '../../../src/files/protocol/file.ts';
import { type AskPage, ENTRIES_MAX, listFolder } from '../../../src/web/browse/list-folder.ts';

const encoder = new TextEncoder();
const byBytes = (a: string, b: string) => Buffer.compare(encoder.encode(a), encoder.encode(b));

/** A server that answers as `list` does, and counts what it was asked. */
function serverOf(names: readonly string[], pageNames: number) {
  const all = [...new Set(names)].sort(byBytes);
  const asked: string[] = [];
  const ask: AskPage = ({ prefix, after }) => {
    asked.push(after ?? '');
    const fits = all.filter(
      (name) => name.startsWith(prefix) && (after === undefined || byBytes(name, after) > 0),
    );
    const page = fits.slice(0, pageNames).map((name) => ({ name, size: name.length, mtime: 0 }));
    const listing: Listing =
      fits.length > pageNames ? { files: page, next: page.at(-1)!.name } : { files: page };
    return of(listing);
  };
  return { ask, asked };
}

/** What a folder has, of all names. */
function modelOf(names: readonly string[], folder: string): string[] {
  const below = [...new Set(names)].filter((name) => name.startsWith(folder));
  const entries = below.map((name) => {
    const slash = name.indexOf('/', folder.length);
    return slash < 0 ? name : name.slice(0, slash + 1);
  });
  return [...new Set(entries)].sort();
}

const part = fc.constantFrom('a', 'b', 'a.txt', 'a-', 'a0', 'é', '\u{10fffe}', '\u{10ffff}', 'b b');
const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));

describe('listing a folder', () => {
  property.prop([
    fc.array(name, { maxLength: 40 }),
    fc.integer({ min: 1, max: 7 }),
    fc.constantFrom('', 'a/', 'a/b/', 'é/'),
  ])('shows just what is in it, however the pages fall', async (names, pageNames, folder) => {
    const { ask } = serverOf(names, pageNames);
    const { entries, isWhole, isCut } = await lastValueFrom(listFolder(ask, folder));
    expect(entries.map(({ path }) => path).sort()).toEqual(modelOf(names, folder));
    expect([isWhole, isCut]).toEqual([true, false]);
    for (const entry of entries) {
      expect(entry.type).toBe(entry.path.endsWith('/') ? 'folder' : 'file');
      expect(folder + entry.name + (entry.type === 'folder' ? '/' : '')).toBe(entry.path);
    }
  });

  test('what is below a folder costs one request, however many files that are', async () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `photos/${i}`);
    const { ask, asked } = serverOf(['a', ...names, 'z'], 100);
    const { entries } = await lastValueFrom(listFolder(ask, ''));
    expect(entries.map(({ path }) => path)).toEqual(['a', 'photos/', 'z']);
    expect(asked).toHaveLength(2);
  });

  test('names that sort behind all others cannot have it ask without end', async () => {
    const names = Array.from({ length: 250 }, (_, i) => `photos/\u{10ffff}${i}`);
    const { ask, asked } = serverOf(['a', ...names, 'z'], 100);
    const { entries } = await lastValueFrom(listFolder(ask, ''));
    expect(entries.map(({ path }) => path)).toEqual(['a', 'photos/', 'z']);
    expect(asked.length).toBeLessThan(6);
  });

  test('a folder of more files than are shown is cut, and no more is asked for', async () => {
    const page: Listing = {
      files: Array.from({ length: 10_000 }, (_, i) => ({ name: `${i}`, size: 0, mtime: 0 })),
      next: 'more',
    };
    let asked = 0;
    const folder = await lastValueFrom(
      listFolder(() => {
        asked++;
        return of(page);
      }, ''),
    );
    expect(folder).toMatchObject({ isWhole: true, isCut: true });
    expect(folder.entries).toHaveLength(ENTRIES_MAX);
    expect(asked).toBe(ENTRIES_MAX / 10_000);
  });
});
