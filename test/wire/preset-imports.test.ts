/** Bundles the built package for programs that import a few of its names, and looks for what else is in the bundle. */
import { resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Plugin } from 'esbuild';
import { describe, expect, expectTypeOf, test } from 'vitest';
import * as library from '../../src/index.ts';
import { dns, type Framing, type MessageHead, postgresql, presets } from '../../src/index.ts';

const root = resolve(import.meta.dirname, '../..');

/** The names by which presets are exported. */
const exported = Object.entries(library).flatMap(([name, value]) =>
  presets.some((preset) => preset === value) ? [name] : [],
);

async function bundleOf(name: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `import { ${name} } from './dist/index.js'; use(${name});`, resolveDir: root },
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    // A dependency that is imported shows as an import.
    packages: 'external',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

describe('a preset', () => {
  test('every preset is exported by its name', () => {
    expect(exported.sort()).toEqual(presets.map(({ name }) => name).sort());
  });

  test.each(presets)('a program that imports $name brings no other preset and no dependency', async (own) => {
    const bundle = await bundleOf(own.name);
    expect(bundle).toContain(JSON.stringify(own.title));
    const others = presets.filter((each) => each !== own);
    const found = others.filter(
      ({ name, title }) => bundle.includes(`name: "${name}"`) || bundle.includes(JSON.stringify(title)),
    );
    expect(found.map(({ name }) => name)).toEqual([]);
    expect(bundle).not.toMatch(/^import\b/m);
  });

  test('the header of a frame of a preset has a type', () => {
    expectTypeOf(dns.framing()).toEqualTypeOf<Framing<MessageHead>>();
    expectTypeOf(postgresql.looksAhead.asks).toBeFunction();
    expectTypeOf(library.sluicePreset.framing()).toEqualTypeOf<Framing<library.JsonHeader>>();
  });
});

/** Of RxJS, each program has what it uses, from its own copy. */
const rxjsOutside: Plugin = {
  name: 'rxjs-outside',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^rxjs$/ }, ({ path }) => ({ path, external: true, sideEffects: false })),
};

test('a program that cuts frames by one length field brings at most 8 kB, beside RxJS', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { deframe, lengthField } from './dist/index.js';
        use(deframe(lengthField({ bytes: 2 })));`,
      resolveDir: root,
    },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    plugins: [rxjsOutside],
    write: false,
    logLevel: 'silent',
  });
  expect(gzipSync(outputFiles[0]!.contents).length).toBeLessThanOrEqual(8_000);
});
