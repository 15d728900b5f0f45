/** `sluice put` and `sluice get` over connections that break, and run again after they were interrupted. */
import { randomBytes } from 'node:crypto';
import { appendFileSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { filter, firstValueFrom, scan } from 'rxjs';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { endAll, jsonLines, sluice, startServe, startSluice } from '../support/cli.ts';
import { type Plan, type RunningProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { readTree, tempFolder, writeTree } from '../support/temp-folder.ts';

afterEach(endAll);

const size = 24_000_000;
/** A line so slow that the file takes some seconds, during which it is interrupted. */
const slow: Plan = { up: { rate: 12_000_000 }, down: { rate: 12_000_000 } };

/** A server, a file of 24 MB, and a proxy that clients go through: the first so many on a slow line. */
async function world(slowOnes: number, stored = false) {
  const folder = tempFolder();
  const root = join(folder, 'root');
  const bytes = randomBytes(size);
  const state = { serving: await startServe(root) };
  const path = join(folder, 'film');
  writeFileSync(path, bytes);
  if (stored) {
    expect((await sluice(['put', path, '--to', state.serving.server])).status).toBe(0);
  }
  const plan = (connection: number) => (connection < slowOnes ? slow : {});
  const proxy = await startFaultProxy({ target: () => state.serving.port, plan });
  onTestFinished(() => proxy.close());
  const server = `127.0.0.1:${proxy.port}`;
  return { folder, root, path, bytes, state, proxy, server };
}

/** Resolves when so many bytes were carried. */
const carried = ({ events$ }: RunningProxy, way: 'up' | 'down', bytes: number) => {
  const all$ = events$.pipe(
    filter((event) => event.type === 'carried' && event.way === way),
    scan((sum, event) => sum + (event.type === 'carried' ? event.bytes : 0), 0),
  );
  return firstValueFrom(all$.pipe(filter((sum) => sum >= bytes)));
};

/** Counts what is carried from now on. */
function counting({ events$ }: RunningProxy, way: 'up' | 'down') {
  let sum = 0;
  let now = false;
  const counting = events$.subscribe((event) => {
    if (now && event.type === 'carried' && event.way === way) sum += event.bytes;
  });
  now = true;
  onTestFinished(() => counting.unsubscribe());
  return () => sum;
}

const partsIn = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.part'));
const leftIn = (root: string) =>
  Object.keys(readTree(root)).filter((name) => name.startsWith('.sluice/') && name.includes('part'));

describe('sluice put', () => {
  test('goes on when the server is killed in the middle, and started again', async () => {
    const { root, path, bytes, state, proxy, server } = await world(1);
    const put = startSluice(['put', path, '--to', server, '--json']);
    const [line] = await put.said(/\{"event":"progress".*\}/);
    expect(JSON.parse(line)).toMatchObject({ event: 'progress', filename: 'film', total: size });
    state.serving.child.kill('SIGKILL');
    await state.serving.done;
    await put.said(/"event":"retry"/);
    const sent = counting(proxy, 'up');
    state.serving = await startServe(root);
    const ran = await put.done;
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    const lines = jsonLines(ran.stdout);
    expect(lines.find(({ event }) => event === 'retry')?.message).toMatch(
      /: trying again in \d\.\d s, 1 of 5$/,
    );
    expect(lines.at(-2)).toMatchObject({ event: 'stored', filename: 'film', size, crc32: crc32(bytes) });
    expect(lines.at(-1)).toMatchObject({ event: 'summary', files: 1, failed: 0 });
    expect(sent()).toBeLessThan(size - 1_000_000);
    expect(readFileSync(join(root, 'film')).equals(bytes)).toBe(true);
    expect(leftIn(root)).toEqual([]);
  });

  test('interrupted and run again sends only the rest', async () => {
    const { root, path, bytes, proxy, server } = await world(1);
    const put = startSluice(['put', path, '--to', server, '--json']);
    await put.said(/"event":"progress"/);
    put.child.kill('SIGINT');
    const first = await put.done;
    expect(first.status).toBe(130);
    expect(first.stderr).toContain('the same command goes on');
    const before = jsonLines(first.stdout).find(({ event }) => event === 'progress')!;
    const sent = counting(proxy, 'up');
    const again = await sluice(['put', path, '--to', server, '--json']);
    expect(again.status).toBe(0);
    expect(jsonLines(again.stdout).at(-2)).toMatchObject({ event: 'stored', crc32: crc32(bytes) });
    // What the operating systems and the proxy held of what was sent is sent again.
    expect(sent()).toBeLessThan(size - Number(before.bytes) + 6_000_000);
    expect(sent()).toBeLessThan(size - 1_000_000);
    expect(readFileSync(join(root, 'film')).equals(bytes)).toBe(true);
    expect(leftIn(root)).toEqual([]);
  });

  test('run again after the file has changed sends the new one, whole', async () => {
    const { root, path, bytes, proxy, server } = await world(1);
    const put = startSluice(['put', path, '--to', server, '--json']);
    await put.said(/"event":"progress"/);
    put.child.kill('SIGINT');
    await put.done;
    appendFileSync(path, 'more');
    const sent = counting(proxy, 'up');
    expect((await sluice(['put', path, '--to', server, '-q'])).status).toBe(0);
    expect(sent()).toBeGreaterThan(size);
    expect(readFileSync(join(root, 'film')).equals(Buffer.concat([bytes, Buffer.from('more')]))).toBe(true);
  });

  test('with --no-resume sends all of it, also when it was interrupted before', async () => {
    const { root, path, bytes, proxy, server } = await world(1);
    const put = startSluice(['put', path, '--to', server, '--json']);
    await put.said(/"event":"progress"/);
    put.child.kill('SIGINT');
    await put.done;
    const sent = counting(proxy, 'up');
    expect((await sluice(['put', path, '--to', server, '-q', '--no-resume'])).status).toBe(0);
    expect(sent()).toBeGreaterThan(size);
    expect(readFileSync(join(root, 'film')).equals(bytes)).toBe(true);
  });

  test('with --retries 0 fails at once, with status 3', async () => {
    const { path, state, server } = await world(0);
    state.serving.child.kill('SIGKILL');
    await state.serving.done;
    const ran = await sluice(['put', path, '--to', server, '--retries', '0', '--json']);
    expect(ran.status).toBe(3);
    expect(jsonLines(ran.stdout).map(({ event }) => event)).toEqual(['expect', 'summary']);
    expect(ran.stderr).toContain('1 of 1 files were not confirmed');
  });

  test('with --parallel 4 sends many files over four connections, and checks each with --verify sha256', async () => {
    const { folder, root, proxy, server, path } = await world(0);
    const many = Object.fromEntries(
      Array.from({ length: 400 }, (_, i) => [`d${i % 5}/f${i}`, randomBytes(20_000 + i)]),
    );
    writeTree(join(folder, 'many'), many);
    const joined = new Set<number>();
    const watching = proxy.events$.subscribe((event) => {
      if (event.type === 'joined') joined.add(event.connection);
    });
    const args = ['--to', server, '--parallel', '4', '--verify', 'sha256', '--json'];
    const ran = await sluice(['put', join(folder, 'many'), path, ...args]);
    watching.unsubscribe();
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(jsonLines(ran.stdout).at(-1)).toMatchObject({ event: 'summary', files: 401, failed: 0 });
    expect(readTree(join(root, 'many'))).toEqual(readTree(join(folder, 'many')));
    expect(joined.size).toBe(4);
  });
});

describe('sluice get', () => {
  /** Gets a film, and is interrupted when a part of it is there. */
  async function interrupted(server: string, folder: string, proxy: RunningProxy, names: string[]) {
    const get = startSluice(['get', ...names, '--from', server, '--out', `${folder}/`, '--json']);
    await carried(proxy, 'down', 10_000_000);
    await get.said(/"event":"progress"/);
    get.child.kill('SIGINT');
    expect((await get.done).status).toBe(130);
  }

  test.each([
    ['a file', 'film'],
    ['a folder', '/'],
  ])('interrupted and run again fetches only the rest: %s', async (_, name) => {
    const { folder, bytes, proxy, server } = await world(2, true);
    const out = join(folder, 'out');
    writeTree(out, {});
    await interrupted(server, out, proxy, [name]);
    expect(partsIn(out).length).toBe(1);
    const received = counting(proxy, 'down');
    const again = await sluice(['get', name, '--from', server, '--out', `${out}/`, '--json']);
    expect(again).toMatchObject({ status: 0, stderr: '' });
    expect(received()).toBeLessThan(size - 4_000_000);
    expect(readdirSync(out)).toEqual(['film']);
    expect(readFileSync(join(out, 'film')).equals(bytes)).toBe(true);
  });

  test('run again after the file has changed fetches the new one, and leaves no part', async () => {
    const { folder, root, proxy, server } = await world(2, true);
    const out = join(folder, 'out');
    writeTree(out, {});
    await interrupted(server, out, proxy, ['film']);
    const other = randomBytes(size);
    writeFileSync(join(root, 'film'), other);
    utimesSync(join(root, 'film'), 1_000_000, 1_000_000);
    expect((await sluice(['get', 'film', '--from', server, '--out', `${out}/`])).status).toBe(0);
    expect(readdirSync(out)).toEqual(['film']);
    expect(readFileSync(join(out, 'film')).equals(other)).toBe(true);
  });

  test.each([
    ['larger', 40_000_000],
    ['smaller', 9_000_000],
    ['small', 1000],
  ])('goes on when the server is killed and the file becomes another, %s one', async (_, then) => {
    const { folder, root, state, proxy, server } = await world(2, true);
    const out = join(folder, 'out');
    writeTree(out, {});
    const get = startSluice(['get', 'film', '--from', server, '--out', `${out}/`, '--json']);
    await carried(proxy, 'down', 10_000_000);
    state.serving.child.kill('SIGKILL');
    await state.serving.done;
    const other = randomBytes(then);
    writeFileSync(join(root, 'film'), other);
    utimesSync(join(root, 'film'), 1_000_000, 1_000_000);
    state.serving = await startServe(root);
    const ran = await get.done;
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(jsonLines(ran.stdout).map(({ event }) => event)).toContain('retry');
    expect(readdirSync(out)).toEqual(['film']);
    expect(readFileSync(join(out, 'film')).equals(other)).toBe(true);
  });

  test('prints files in the order they were asked for, large or small, the same one twice', async () => {
    const { folder, bytes, server } = await world(0, true);
    writeFileSync(join(folder, 'note'), 'a note');
    expect((await sluice(['put', join(folder, 'note'), '--to', server])).status).toBe(0);
    const names = ['note', 'film', 'note', 'film'];
    const get = startSluice(['get', ...names, '--from', server, '--out', '-', '--parallel', '2'], {
      encoding: 'latin1',
    });
    const { status, stdout } = await get.done;
    expect(status).toBe(0);
    const note = Buffer.from('a note');
    expect(Buffer.from(stdout, 'latin1').equals(Buffer.concat([note, bytes, note, bytes]))).toBe(true);
  });
});
