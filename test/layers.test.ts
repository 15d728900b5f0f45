/** Holds the folders of `src/` to the direction in which they may import, by reading the import lines. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const src = resolve(dirname(fileURLToPath(import.meta.url)), '../src');

/** The layers below each layer: those that it may import besides itself and `base`, which is below all. */
const below: Readonly<Record<string, readonly string[]>> = {
  base: [],
  wire: [],
  'files/protocol': ['wire'],
  'files/session': ['wire', 'files/protocol'],
  store: ['wire', 'files/protocol'],
  transport: ['wire', 'files/protocol'],
  actor: ['wire', 'transport'],
  'files/effects': ['wire', 'files/protocol', 'files/session', 'actor', 'store', 'transport'],
  capture: ['wire', 'files/protocol', 'transport'],
  client: ['wire', 'files/protocol', 'files/session', 'store', 'transport'],
  server: [
    'wire',
    'files/protocol',
    'files/session',
    'files/effects',
    'store',
    'transport',
    'capture',
    'actor',
  ],
  demo: ['wire', 'files/protocol', 'transport', 'actor'],
  web: ['wire', 'files/protocol', 'transport', 'capture', 'client', 'actor'],
  testing: ['wire', 'files/protocol', 'store', 'transport', 'capture', 'actor', 'server'],
  cli: [
    'wire',
    'files/protocol',
    'files/session',
    'files/effects',
    'store',
    'transport',
    'capture',
    'client',
    'server',
    'actor',
    'demo',
    'testing',
    'web',
  ],
};
const mayImport = (layer: string, other: string): boolean =>
  other === layer || below[layer]!.includes(other) || (other === 'base' && layer !== 'base');
/** Layers that know nothing of Node. */
const pure = ['base', 'wire', 'files/protocol', 'files/session'];
/** Of those, the files that are RxJS operators, or take an Observable: the only ones that may import it. */
const operators = [
  'base/calls.ts',
  'wire/decode.ts',
  'wire/deframe/deframe.ts',
  'wire/enframe.ts',
  'wire/frames.ts',
];
/** Layers below which types alone may be shared: a contract is not a dependency on what fulfils it. */
const contractsOnly: Readonly<Record<string, RegExp>> = {
  actor: /^transport\/(connection|connection-error|listen-event|address|close-gracefully)\.ts$/,
  'files/effects': /^(store|transport)\/(contract|connection|listen)\.ts$/,
};

interface Import {
  readonly file: string;
  readonly what: string;
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));

const codeOf = (file: string): string =>
  readFileSync(join(src, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');

const importLine = /\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'/gm;
const importsOf = (file: string): readonly Import[] =>
  [...codeOf(file).matchAll(importLine)].map(([, from, bare, lazy]) => ({
    file,
    what: (from ?? bare ?? lazy)!,
  }));

/** The file an import leads to, relative to `src/`; null when it leads out of it. */
const target = ({ file, what }: Import): string | null =>
  what.startsWith('.') ? relative(src, resolve(src, dirname(file), what)) : null;

/** The folder of `src/`; `files/` has a layer in each folder of its own. */
const layerOf = (file: string): string => /^(files\/)?[^/]+/.exec(file)![0];
const layered = files.filter((file) => file.includes('/'));
const all = files.flatMap(importsOf);

/** Everything a file pulls in when it is loaded, itself included. */
function reachable(from: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const each of importsOf(file)) {
      const to = target(each);
      if (to !== null) visit(to);
    }
  };
  visit(from);
  return seen;
}

describe('the layers', () => {
  test('are all known here', () => {
    expect([...new Set(layered.map(layerOf))].sort()).toEqual(Object.keys(below).sort());
  });

  test.each(Object.keys(below))('%s/ imports only what is below it', (layer) => {
    const wrong = all
      .filter(({ file }) => layered.includes(file) && layerOf(file) === layer)
      .filter((each) => {
        const to = target(each);
        return to?.includes('/') && !mayImport(layer, layerOf(to));
      });
    expect(wrong).toEqual([]);
  });

  test('actor/ and files/effects/ know stores and transports by their contracts alone', () => {
    const wrong = all.filter((each) => {
      const to = target(each);
      const bound = contractsOnly[layerOf(each.file)];
      return to !== null && bound !== undefined && /^(store|transport)\//.test(to) && !bound.test(to);
    });
    expect(wrong).toEqual([]);
  });

  test('no file imports a face of the library: faces import files', () => {
    expect(
      all.filter(
        (each) => layered.includes(each.file) && /^(index|node|testing)\.ts$/.test(target(each) ?? ''),
      ),
    ).toEqual([]);
  });
});

/** Files that import one another, if any: one circle, in the order of the imports. */
function circle(): readonly string[] {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): readonly string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return [];
    path.push(file);
    for (const each of importsOf(file)) {
      const to = target(each);
      const found = to === null || !files.includes(to) ? [] : visit(to);
      if (found.length > 0) return found;
    }
    path.pop();
    done.add(file);
    return [];
  };
  for (const file of files) {
    const found = visit(file);
    if (found.length > 0) return found;
  }
  return [];
}

test('no file imports itself by way of others', () => {
  expect(circle()).toEqual([]);
});

describe('the pure core', () => {
  const core = layered.filter((file) => pure.includes(layerOf(file)));

  test.each(core)('%s imports nothing from Node', (file) => {
    const outside = importsOf(file).filter((each) => target(each) === null);
    const known = operators.includes(file)
      ? ['ts-pattern', 'ts-pattern/types', 'rxjs']
      : ['ts-pattern', 'ts-pattern/types'];
    expect(outside.filter(({ what }) => !known.includes(what))).toEqual([]);
  });

  test.each(core)('%s uses no global of Node', (file) => {
    const code = codeOf(file);
    expect(code).not.toMatch(/\b(Buffer|process|require|__dirname|setImmediate|globalThis)\b/);
  });

  test.each(layered.filter((file) => /^(actor|files\/effects)\//.test(file)))(
    '%s imports RxJS at the most, and uses no global that Node alone has',
    (file) => {
      const outside = importsOf(file).filter((each) => target(each) === null);
      expect(outside.filter(({ what }) => what !== 'rxjs')).toEqual([]);
      expect(codeOf(file)).not.toMatch(/\b(Buffer|process|require|__dirname)\b/);
    },
  );

  test.each(['index.ts', 'client.ts'])('nothing that %s loads needs Node, or names it in a type', (face) => {
    const needsNode = [...reachable(face)].flatMap(importsOf).filter(({ what }) => what.startsWith('node:'));
    expect(needsNode).toEqual([]);
  });

  test('of the client, only what opens files, connects and computes by platform needs Node', () => {
    const ofClient = layered.filter((file) => layerOf(file) === 'client');
    const needsNode = ofClient.filter((file) =>
      [...reachable(file)].flatMap(importsOf).some(({ what }) => what.startsWith('node:')),
    );
    expect(needsNode.sort()).toEqual([
      'client/checksums/node.ts',
      'client/connect.ts',
      'client/content/file-content.ts',
    ]);
  });

  test('what the client loads by platform needs no Node where there is none', () => {
    const byPlatform = new Set([...reachable('client.ts')].flatMap(importsOf).map(({ what }) => what));
    expect([...byPlatform].filter((what) => what.startsWith('#'))).toEqual(['#checksums']);
    const portable = [...reachable('client/checksums/portable.ts')].flatMap(importsOf);
    expect(portable.filter((each) => target(each) === null)).toEqual([]);
  });
});
