/** Bundles the built package for programs that import a few of its names, and looks for what else is in the bundle. */
import { resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Plugin } from 'esbuild';
import { rolldown } from 'rolldown';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { type Framing, type JsonHeader, type MessageHead, presets } from '../../src/index.ts';
import { sluicePreset } from '../../src/server.ts';
import { presetList } from '../../src/wire/presets.ts';

const root = resolve(import.meta.dirname, '../..');
const PROGRAM = '\0program';

/** By a bundler that follows a namespace to the names that are used of it, as Rollup, Vite and webpack do. */
async function bundleOf(name: string): Promise<string> {
  const program = `import { presets } from '${root}/dist/index.js'; use(presets.${name});`;
  const bundle = await rolldown({
    input: PROGRAM,
    platform: 'neutral',
    // A dependency that is imported shows as an import.
    external: ['rxjs', 'ts-pattern'],
    plugins: [
      {
        name: 'program',
        resolveId: (id) => (id === PROGRAM ? id : null),
        load: (id) => (id === PROGRAM ? program : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'esm' });
  await bundle.close();
  return output[0].code;
}

describe('a preset', () => {
  test('every preset is exported by its name, and in the list of all', () => {
    for (const [key, { name }] of Object.entries(presets)) expect(key).toBe(name);
    expect(presetList).toEqual(Object.values(presets));
  });

  test.each(Object.values(presets))(
    'a program that uses presets.$name brings no other preset and no dependency',
    async (own) => {
      const bundle = await bundleOf(own.name);
      expect(bundle).toContain(JSON.stringify(own.title));
      const others = Object.values(presets).filter((each) => each !== own);
      const found = others.filter(
        ({ name, title }) => bundle.includes(`name: "${name}"`) || bundle.includes(JSON.stringify(title)),
      );
      expect(found.map(({ name }) => name)).toEqual([]);
      expect(bundle).not.toMatch(/^import\b/m);
    },
  );

  test('the header of a frame of a preset has a type', () => {
    expectTypeOf(presets.dns.framing()).toEqualTypeOf<Framing<MessageHead>>();
    expectTypeOf(presets.postgresql.looksAhead.asks).toBeFunction();
    expectTypeOf(sluicePreset.framing()).toEqualTypeOf<Framing<JsonHeader>>();
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
