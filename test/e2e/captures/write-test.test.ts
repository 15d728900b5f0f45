/** `sluice replay --write-test`, as packed: in the project of a stranger who has the package and vitest. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defineActor } from '../../../src/actor/actor.ts';
import { framed } from '../../../src/actor/framed/framed.ts';
import { captureFile } from '../../../src/capture/capture-file.ts';
import { readPackets } from '../../../src/capture/read-packets.ts';
import { lines } from '../../../src/wire/codecs/lines.ts';
import { recordActor } from '../../support/captures/recorded-actor.ts';
import { endAll, type Ran, start } from '../../support/processes/cli.ts';
import {
  type InstalledPackage,
  installPackage,
  manifest,
  root,
  tsc,
} from '../../support/processes/installed-package.ts';

const codec = lines({ maxLength: 100 });
/** The same actor as in `shout.ts`. */
const shout = defineActor()({
  codec,
  reduce: (state, event) => ({
    state,
    effects: event.type === 'message' ? [{ type: 'send', message: event.message.toUpperCase() }] : [],
  }),
});
const shoutSource = `
import { defineActor, lines } from 'sluice';

export const shout = defineActor()({
  codec: lines({ maxLength: 100 }),
  reduce: (state, event) => ({
    state,
    effects: event.type === 'message' ? [{ type: 'send', message: event.message.toUpperCase() }] : [],
  }),
});
export const whisper = defineActor()({
  codec: lines({ maxLength: 100 }),
  reduce: (state, event) => ({
    state,
    effects: event.type === 'message' ? [{ type: 'send', message: event.message.toLowerCase() }] : [],
  }),
});
`;

let { project, installed, remove } = {} as InstalledPackage;

const inProject = (program: string, ...args: string[]): Promise<Ran> =>
  start(process.execPath, [program, ...args], { cwd: project, env: { NO_COLOR: '1', FORCE_COLOR: '0' } })
    .done;
const sluice = (...args: string[]): Promise<Ran> => inProject(join(installed, manifest.bin.sluice), ...args);
const vitest = (...args: string[]): Promise<Ran> =>
  inProject('node_modules/vitest/vitest.mjs', 'run', ...args);
const file = (name: string): string => join(project, name);
const textOf = (name: string): string => readFileSync(file(name), 'utf8');

beforeAll(async () => {
  ({ project, installed, remove } = installPackage(['vitest']));
  for (const name of ['sluice.pcapng', 'dns.pcap']) {
    copyFileSync(join(root, 'test/golden/captures', name), file(name));
  }
  await recordActor(file('shout.pcapng'), shout, async (connection) => {
    const client = framed(connection, codec);
    for (const line of ['hello', 'is anybody there']) await client.request(line);
    client.end();
  });
  writeFileSync(file('shout.ts'), shoutSource);
});
afterAll(async () => {
  await endAll();
  remove();
});

test('written tests of files, of another protocol and of an actor pass as they are, and compile', async () => {
  const wrote = await Promise.all([
    sluice('replay', 'sluice.pcapng', '--write-test', 'files.test.ts'),
    sluice('replay', 'dns.pcap', '--only', '1', '--write-test', 'dns.test.ts'),
    sluice('replay', 'shout.pcapng', '--pipeline', 'shout.ts#shout', '--write-test', 'shout.test.ts'),
  ]);
  expect(wrote.map(({ stderr }) => stderr)).toEqual(['', '', '']);
  const ran = await vitest();
  expect(ran.stdout).toMatch(/Test Files +3 passed/);
  expect(ran.stdout).toMatch(/Tests +9 passed/);
  expect(ran.status).toBe(0);

  const options = [
    '--noEmit',
    '--strict',
    '--exactOptionalPropertyTypes',
    '--skipLibCheck',
    '--target',
    'es2022',
  ];
  const modules = ['--module', 'nodenext', '--types', 'node'];
  const names = ['files.test.ts', 'dns.test.ts', 'shout.test.ts'];
  expect((await inProject(tsc, '--ignoreConfig', ...options, ...modules, ...names)).stdout).toBe('');
});

test('a written test imports what is public, and a test of one conversation is short', () => {
  for (const name of ['files.test.ts', 'dns.test.ts', 'shout.test.ts']) {
    const imported = [...textOf(name).matchAll(/^import .* from '([^']+)'/gm)].map(([, from]) => from);
    expect(
      imported.filter(
        (from) => !['sluice', 'sluice/capture', 'sluice/testing', 'vitest', './shout.js'].includes(from!),
      ),
    ).toEqual([]);
  }
  for (const name of ['dns.test.ts', 'shout.test.ts']) {
    expect(textOf(name).split('\n').length).toBeLessThan(40);
  }
});

test('a test fails, and names the frame, when the actor in its one line answers otherwise', async () => {
  const written = textOf('shout.test.ts');
  expect(written).toContain("import { shout as pipeline } from './shout.js';");
  writeFileSync(file('other.test.ts'), written.replace('{ shout as', '{ whisper as'));
  const { status, stdout, stderr } = await vitest('other.test.ts');
  expect(status).toBe(1);
  expect(stdout + stderr).toContain('reply 1: message was "HELLO" and is "hello" (packet 5)');
  expect(stdout + stderr).toContain('reply 2: message was "IS ANYBODY THERE" and is "is anybody there"');
});

test('a test fails, and names the frame, when one byte of its capture is another', async () => {
  const bytes = readFileSync(file('files.test.pcapng'));
  const at = bytes.indexOf('"ack":"list"');
  bytes[bytes.indexOf('page.txt', at)] = 'P'.charCodeAt(0);
  writeFileSync(file('changed.test.pcapng'), bytes);
  writeFileSync(
    file('changed.test.ts'),
    textOf('files.test.ts').replaceAll('files.test.pcapng', 'changed.test.pcapng'),
  );
  const { status, stdout, stderr } = await vitest('changed.test.ts');
  expect(status).toBe(1);
  expect(stdout).toMatch(/Tests +1 failed \| 6 passed/);
  expect(stdout + stderr).toMatch(/reply 1: files\[\d\]\.name was "demo\/Page.txt" and is "demo\/page.txt"/);
});

test('the capture of one conversation has its packets alone', async () => {
  const packets: Uint8Array[] = [];
  for await (const batch of readPackets(captureFile(file('dns.test.pcapng')))) {
    packets.push(...batch.map(({ bytes }) => bytes));
  }
  const ports = new Set(packets.map((bytes) => Buffer.from(bytes).readUInt16BE(20)));
  expect(ports.size).toBe(2);
});
