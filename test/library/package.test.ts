/**
 * What people get: the packed tarball, installed into an empty project, with the examples of all documents compiled
 * against its declarations and run.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { filter, firstValueFrom, ReplaySubject } from 'rxjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServerEvent } from '../../src/server/event.ts';
import { serve } from '../../src/server/serve.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { listenTcp } from '../../src/transport/socket/tcp.ts';
import {
  type InstalledPackage,
  installPackage,
  manifest,
  root,
  tsc,
} from '../support/processes/installed-package.ts';
import { documents, examples, examplesOf, promised, textOf } from '../support/readme.ts';

/** Examples that end by themselves, servers that do not, and clients of the server in the same document. */
const programs = examplesOf('ts example');
const servers = examplesOf('js server');
const clients = examplesOf('js client');
/** The documents that have a file of their own in the package: those of src/, but for the map of what is not in it. */
const shipped = documents.filter((path) => path.startsWith('src/') && path !== 'src/README.md');
/** A program of a browser: what it has, a Blob or a BufferSource, is what the library takes and gives. */
const PAGE = `
import { closeGracefully, deframe, fromWebSocket, fromWebStreams, lengthField, rawBytes, serveActors } from 'sluice';
import { blobContent, bytesContent, createClient, createDownloads, createUploads, streamContent } from 'sluice/client';
import { of } from 'rxjs';

declare const file: File;
declare const buffer: BufferSource;
declare const response: Response;
declare const transport: WebTransportBidirectionalStream;
const connect = () => of(fromWebSocket(new WebSocket('wss://files.example')));
const settings: { mtime?: number } = {};
const uploads = createUploads({ connect, parallel: 2 });
uploads.upload('a', blobContent(file), settings).subscribe((event) => event.type);
uploads.upload('b', bytesContent(buffer), { ...settings, verify: 'sha256' }).subscribe();
uploads.upload('c', streamContent(response.body!, { size: 3 })).subscribe();
const parts: BlobPart[] = [];
connect().subscribe((connection) => {
  createClient(connection).get('a').subscribe(({ bytes$ }) => bytes$.subscribe((bytes) => parts.push(bytes)));
  connection.chunks$.pipe(deframe(lengthField({ width: 2, maxLength: 9, delivery: 'whole' }))).subscribe();
});
closeGracefully(fromWebStreams(transport)).subscribe();
export { createDownloads, rawBytes, serveActors };
`;
/** The examples for frameworks, for pages and for operators, which the documents link to. */
const examplesIn = (folder: string) => readdirSync(join(root, folder)).map((file) => `${folder}/${file}`);
const linkedExamples = ['src/demo/frameworks', 'src/demo/web', 'src/store/s3/deploy'].flatMap(examplesIn);
let { project, installed, tarball, remove } = {} as InstalledPackage;

beforeAll(() => {
  // A face needs two packages that are not installed with this one.
  ({ project, installed, tarball, remove } = installPackage(['pg', '@smithy/signature-v4']));
  // One example takes its WebSockets from there.
  for (const dependency of ['ws', '@types/ws']) {
    mkdirSync(dirname(join(project, 'node_modules', dependency)), { recursive: true });
    symlinkSync(join(root, 'node_modules', dependency), join(project, 'node_modules', dependency));
  }
  programs.forEach(({ code }, i) => {
    writeFileSync(join(project, `example-${i}.ts`), code);
  });
  servers.forEach(({ code }, i) => {
    // As the README says, TypeScript wants to know the type of the state.
    writeFileSync(
      join(project, `server-${i}.ts`),
      code.replace('defineActor()', 'defineActor<{ state: number }>()'),
    );
  });
  clients.forEach(({ code }, i) => {
    writeFileSync(join(project, `client-${i}.ts`), code);
  });
});
afterAll(() => remove());

describe('the package', () => {
  test('the package has nothing that publint would change', async () => {
    const { messages } = await publint({ pkgDir: installed, strict: true });
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
  });

  test('the package has types that fit what is loaded, by every way to resolve an ES module', async () => {
    const checked = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(tarball))));
    if (checked.types === false) throw new Error('no types were found');
    const found = checked.problems.map((problem) => ({
      kind: problem.kind,
      by: 'resolutionKind' in problem ? problem.resolutionKind : null,
    }));
    // What is from before `exports` finds no face. CommonJS finds ES modules, which it can load: see below.
    const expected = [
      { kind: 'NoResolution', by: 'node10' },
      { kind: 'CJSResolvesToESM', by: 'node16-cjs' },
    ];
    expect(found.filter(({ kind, by }) => !expected.some((it) => it.kind === kind && it.by === by))).toEqual(
      [],
    );
  });

  test('CommonJS loads every face by require, and gets the same as an import', () => {
    const faces = Object.keys(manifest.exports).filter((path) => !path.endsWith('.json'));
    const names = faces.map((path) => path.replace(/^\./, 'sluice'));
    writeFileSync(
      join(project, 'common.cjs'),
      `for (const name of ${JSON.stringify(names)}) {
        const loaded = require(name);
        import(name).then((imported) => console.log(name, Object.keys(imported).every((key) => loaded[key] === imported[key])));
      }`,
    );
    const stdout = execFileSync(process.execPath, [join(project, 'common.cjs')], {
      encoding: 'utf8',
      // Node 22.12 warns of what is no experiment from 22.13 on.
      stdio: 'pipe',
    });
    expect(stdout.trim().split('\n').sort()).toEqual(names.map((name) => `${name} true`).sort());
  });

  test('the package brings what it needs and nothing else', () => {
    const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' });
    const folders = new Set(
      files
        .trim()
        .split('\n')
        .map((file) => file.split('/')[1]),
    );
    expect([...folders].sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'dist',
      'package.json',
      'src',
    ]);
    expect(
      files
        .split('\n')
        .filter((file) => file.startsWith('package/src/'))
        .sort(),
    ).toEqual(
      [...shipped, 'src/capture/wireshark/sluice.lua', 'src/web/page.png', ...linkedExamples]
        .map((path) => `package/${path}`)
        .sort(),
    );
  });

  test.each(documents.filter((path) => !path.includes('/') || shipped.includes(path)))(
    '%s links in the package only to what the package brings',
    (document) => {
      const text = readFileSync(join(installed, document), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
      const links = [...text.matchAll(/\]\(([^()\s]+)\)/g)].map(([, to]) => to!.split('#')[0]!);
      const inside = links.filter((to) => to !== '' && !/^[a-z]+:/.test(to));
      const lost = inside.filter((to) => !existsSync(join(installed, dirname(document), to)));
      expect(lost).toEqual([]);
    },
  );

  test('the package has the page of inspect --html as one bundle, without its modules and without esbuild', () => {
    const bundle = readFileSync(join(installed, 'dist/cli/page.js'), 'utf8');
    expect(bundle).not.toMatch(/^\s*(import|export)\b|\bimport\(|\brequire\(/m);
    const scripts = readdirSync(join(installed, 'dist/cli')).filter((file) => file.endsWith('.js'));
    expect(scripts.sort()).toEqual(['main.js', 'page.js']);
    expect(readdirSync(join(root, 'src/web/inspect'))).toContain('file-page.tsx');
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

  test.each([true, false])(
    'a page compiles against the declarations, with the types of a browser and none of Node (exact optional properties: %s)',
    (exact) => {
      const folder = join(project, `page-${exact}`);
      mkdirSync(folder);
      writeFileSync(join(folder, 'page.ts'), PAGE);
      const compilerOptions = {
        ...{ strict: true, noEmit: true, skipLibCheck: false, types: [], lib: ['ES2023', 'DOM'] },
        ...{ module: 'esnext', moduleResolution: 'bundler', exactOptionalPropertyTypes: exact },
      };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['page.ts'] }));
      execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8', stdio: 'pipe' });
    },
  );

  test('the package has a command line that runs', () => {
    const main = join(installed, manifest.bin.sluice);
    expect(execFileSync(process.execPath, [main, '--version'], { encoding: 'utf8' }).trim()).toBe(
      manifest.version,
    );
  });
});

describe('the documents', () => {
  const run = (file: string) =>
    execFileSync(process.execPath, [file], { cwd: project, encoding: 'utf8', timeout: 120_000 }).split('\n');

  test('the documents have examples that compile against the declarations of the package, its own included', () => {
    execFileSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8', stdio: 'pipe' });
  });

  test('the examples are all found', () => {
    const blocks = documents.flatMap((document) => [...textOf(document).matchAll(/^```[jt]s .+$/gm)]);
    expect(programs.length + servers.length + clients.length).toBe(blocks.length);
    expect(programs.length).toBeGreaterThanOrEqual(12);
    expect(servers.length).toBeGreaterThanOrEqual(1);
    expect(clients.length).toBeGreaterThanOrEqual(1);
  });

  test.each(programs.map(({ place, code }, i) => [place, i, code] as const))(
    'the example of %s prints what it says',
    (_, i, code) => {
      const output = run(`example-${i}.js`);
      for (const line of promised(code)) expect(output).toContain(line);
    },
  );

  test('the README has examples that run in Node as they are, without a compiler', () => {
    const own = programs.filter(({ document }) => document === 'README.md');
    own.forEach(({ code }, i) => {
      writeFileSync(join(project, `start-${i}.mjs`), code);
      expect(run(`start-${i}.mjs`)).toEqual(expect.arrayContaining([...promised(code)]));
    });
    expect(own.length).toBeGreaterThan(0);
  });

  test.each(servers.map(({ place, document, code }, i) => [place, i, document, code] as const))(
    'the server of %s, run in Node as it is, counts the lines that it gets, and answers the clients beside it',
    async (_, i, document, code) => {
      writeFileSync(join(project, `server-${i}.mjs`), code.replace('7000', '0'));
      const server = spawn(process.execPath, [join(project, `server-${i}.mjs`)]);
      try {
        let said = '';
        // Not destroyed behind that: the server goes on printing.
        for await (const text of server.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
          said += text;
          if (/port: \d+/.test(said)) break;
        }
        server.stdout.resume();
        const [, port] = /port: (\d+)/.exec(said)!;
        const socket = connect(Number(port), '127.0.0.1');
        socket.end('one\ntwo\n');
        expect((await socket.setEncoding('utf8').toArray()).join('')).toBe('1: one\n2: two\n');
        clients.forEach((client, j) => {
          if (client.document !== document) return;
          writeFileSync(join(project, `client-${j}.mjs`), client.code.replace('7000', port!));
          expect(run(`client-${j}.mjs`)).toEqual(expect.arrayContaining([...promised(client.code)]));
        });
      } finally {
        server.kill();
      }
    },
  );

  test('the README has a Python script whose files arrive whole', async () => {
    const [script] = examples('python', textOf('README.md'));
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
