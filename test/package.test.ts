/**
 * What people get: the packed tarball, installed into an empty project, with the README's examples compiled against its
 * declarations and run.
 */
import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { filter, firstValueFrom, ReplaySubject } from 'rxjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServerEvent } from '../src/server/event.ts';
import { serve } from '../src/server/serve.ts';
import { memoryStore } from '../src/store/memory/memory-store.ts';
import { listenTcp } from '../src/transport/socket/tcp.ts';
import { actorReadme, examples, promised } from './support/readme.ts';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const project = mkdtempSync(join(tmpdir(), 'sluice-package-'));
const installed = join(project, 'node_modules/sluice');
/** The README's, and the actor's own document's. */
const programs = [...examples('ts example'), ...examples('ts example', actorReadme)];
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

beforeAll(() => {
  // Without scripts: what is packed is what `npm test` has just built.
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', project], {
    cwd: root,
    stdio: 'pipe',
  });
  mkdirSync(installed, { recursive: true });
  const tarball = join(project, `sluice-${manifest.version}.tgz`);
  execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
  for (const dependency of [...Object.keys(manifest.dependencies), 'rxjs', '@types/node']) {
    mkdirSync(dirname(join(project, 'node_modules', dependency)), { recursive: true });
    symlinkSync(join(root, 'node_modules', dependency), join(project, 'node_modules', dependency));
  }
  writeFileSync(join(project, 'package.json'), '{"type":"module"}');
  const compilerOptions = {
    target: 'ES2022',
    module: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    types: ['node'],
  };
  programs.forEach((code, i) => {
    writeFileSync(join(project, `example-${i}.ts`), code);
  });
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

describe('the package', () => {
  test('the package has nothing that publint would change', async () => {
    const { messages } = await publint({ pkgDir: installed, strict: true });
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
  });

  test('the package brings what it needs and nothing else', () => {
    const files = execFileSync('tar', ['-tzf', join(project, `sluice-${manifest.version}.tgz`)], {
      encoding: 'utf8',
    });
    const folders = new Set(
      files
        .trim()
        .split('\n')
        .map((file) => file.split('/')[1]),
    );
    expect([...folders].sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json', 'src']);
    // What the README links to that is of use without the sources: the protocol's document, and the dissector.
    expect(
      files
        .split('\n')
        .filter((file) => file.startsWith('package/src/'))
        .sort(),
    ).toEqual([
      'package/src/capture/wireshark/README.md',
      'package/src/capture/wireshark/sluice.lua',
      'package/src/files/protocol/README.md',
    ]);
  });

  test('the package has the page of inspect --html as one bundle, without its modules and without esbuild', () => {
    const bundle = readFileSync(join(installed, 'dist/cli/page.js'), 'utf8');
    expect(bundle).not.toMatch(/^\s*(import|export)\b|\bimport\(|\brequire\(/m);
    const scripts = readdirSync(join(installed, 'dist/cli')).filter((file) => file.endsWith('.js'));
    expect(scripts.sort()).toEqual(['main.js', 'page.js']);
    expect(readdirSync(join(root, 'src/cli/inspect/page'))).toContain('app.ts');
    expect(Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })).not.toContain(
      'esbuild',
    );
    for (const file of readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.js')) continue;
      expect(readFileSync(join(installed, 'dist', file), 'utf8'), file).not.toMatch(
        /(from|\()\s*['"]esbuild['"]/,
      );
    }
  });

  test('the package has a command line that runs', () => {
    const main = join(installed, manifest.bin.sluice);
    expect(execFileSync(process.execPath, [main, '--version'], { encoding: 'utf8' }).trim()).toBe(
      manifest.version,
    );
  });
});

describe('the README', () => {
  test('the README has examples that compile against the declarations of the package, its own included', () => {
    execFileSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8', stdio: 'pipe' });
  });

  test.each(programs.map((code, i) => [i + 1, code] as const))(
    'example %i of the documents prints what it says',
    (number, code) => {
      const output = execFileSync(process.execPath, [join(project, `example-${number - 1}.js`)], {
        encoding: 'utf8',
        timeout: 120_000,
      });
      for (const line of promised(code)) expect(output.split('\n')).toContain(line);
    },
  );

  test('the README has a Python script whose files arrive whole', async () => {
    const [script] = examples('python');
    const store = memoryStore();
    const events$ = new ReplaySubject<ServerEvent>();
    const server = serve({ connections$: listenTcp({ port: 0 }), store }).subscribe(events$);
    const listening = await firstValueFrom(events$.pipe(filter((event) => event.type === 'listening')));
    const folder = join(project, 'python');
    mkdirSync(join(folder, 'photos'), { recursive: true });
    writeFileSync(join(folder, 'notes.txt'), 'some notes');
    const cat = randomBytes(5_000_000);
    writeFileSync(join(folder, 'photos/cat.jpg'), cat);
    writeFileSync(join(folder, 'send.py'), script!.replace('8080', String(listening.port)));
    // Not awaited in one turn with the server, which is in this process.
    await promisify(execFile)('python3', ['send.py'], { cwd: folder });
    await firstValueFrom(events$.pipe(filter(({ type }) => type === 'closed')));
    server.unsubscribe();
    expect(Buffer.from(store.contents.get('notes.txt')!.bytes).toString()).toBe('some notes');
    expect(cat.equals(store.contents.get('photos/cat.jpg')!.bytes)).toBe(true);
  });
});
