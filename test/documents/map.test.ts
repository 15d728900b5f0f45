/** The map of the source, `src/README.md`, held to the files and names that it speaks of. */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { linksIn, proseOf, textOf as read, root } from '../support/readme.ts';

describe('the map of the source', () => {
  const map = 'src/README.md';
  const lines = proseOf(map).split('\n');
  const identifier = /^[A-Za-z_$][\w$]*$/;
  const quoted = (text: string): readonly string[] =>
    [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join('src', file));
  const exported = (path: string, name: string): boolean =>
    new RegExp(String.raw`^export (?:async )?(?:function\*?|const|class|interface|type) ${name}\b`, 'm').test(
      read(path),
    );
  const uses = (path: string, name: string): boolean => new RegExp(String.raw`\b${name}\b`).test(read(path));

  test('the map links a name only to the file that exports it', () => {
    const named = linksIn(map, lines.join('\n')).flatMap(({ label, path }) =>
      quoted(label)
        .filter((name) => identifier.test(name))
        .map((name) => ({ name, path })),
    );
    expect(named.length).toBeGreaterThan(80);
    expect(named.filter(({ name, path }) => !exported(path, name))).toEqual([]);
  });

  test('the map writes as the text of a link the path that it leads to, or its last part', () => {
    const wrong = linksIn(map, lines.join('\n')).filter(({ label, path }) =>
      quoted(label).some((text) => {
        if (identifier.test(text)) return false;
        return ![path, relative('src', path)].some((whole) =>
          `/${whole}`.endsWith(`/${text.replace(/\/$/, '')}`),
        );
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('the map speaks of no other name that the files beside it do not have', () => {
    const unknown = lines.flatMap((line) => {
      const beside = linksIn(map, line).flatMap(({ path }) => (path.endsWith('.ts') ? [path] : []));
      const files = beside.length > 0 ? beside : sources;
      return quoted(line.replace(/\[[^[\]]*\]\([^()\s]+\)/g, ''))
        .filter((name) => identifier.test(name) && !files.some((path) => uses(path, name)))
        .map((name) => `${name}: ${line}`);
    });
    expect(unknown).toEqual([]);
  });

  test('the map has every folder of src/', () => {
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    const linked = new Set(linksIn(map, lines.join('\n')).map(({ path }) => path.split('/')[1]));
    expect(folders.filter((folder) => !linked.has(folder))).toEqual([]);
  });
});
