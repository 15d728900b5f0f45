/** The documents, held to the files and names that they speak of, read as text. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const documents = [
  'README.md',
  'src/README.md',
  'src/files/protocol/README.md',
  'src/capture/wireshark/README.md',
  'test/golden/captures/README.md',
];

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
/** A document without its blocks of code: what stands in those is no link. */
const proseOf = (document: string): string => read(document).replace(/^```[\s\S]*?^```$/gm, '');

interface Link {
  readonly label: string;
  /** The file or folder it leads to, below the root; that of the document itself for a place in it. */
  readonly path: string;
  /** The heading it leads to, if it names one. */
  readonly heading: string | null;
}

/** The links of a piece of a document that stay within the project. */
function linksIn(document: string, text: string): readonly Link[] {
  return [...text.matchAll(/\[([^[\]]*)\]\(([^()\s]+)\)/g)].flatMap(([, label, to]) => {
    if (/^[a-z]+:/.test(to!)) return [];
    const [file = '', heading = null] = to!.split('#');
    const path = file === '' ? document : relative(root, resolve(root, dirname(document), file));
    return [{ label: label!, path, heading }];
  });
}

/** How a heading is named in a link. */
const headingsOf = (document: string): readonly string[] =>
  [...proseOf(document).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{Letter}\p{Number} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

test.each(documents)('%s links only to files and folders that exist', (document) => {
  const lost = linksIn(document, proseOf(document)).filter(({ path }) => !existsSync(join(root, path)));
  expect(lost).toEqual([]);
});

test.each(documents)('%s links only to headings that exist', (document) => {
  const lost = linksIn(document, proseOf(document)).filter(
    ({ path, heading }) => heading !== null && path.endsWith('.md') && !headingsOf(path).includes(heading),
  );
  expect(lost).toEqual([]);
});

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
