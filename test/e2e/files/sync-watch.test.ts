/** `sluice sync --watch`: what changes in a folder comes to the server. */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { endAll, sluiceInRunner, startServe, startSluice } from '../../support/processes/cli.ts';
import { readStored, tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

async function watched(files: Readonly<Record<string, string>>, ...args: string[]) {
  const root = tempFolder();
  const folder = join(tempFolder(), 'site');
  mkdirSync(folder);
  writeTree(folder, files);
  const server = await startServe(root);
  const watch = startSluice(['sync', folder, 'www', '--to', server.server, '--watch', ...args]);
  await watch.said(/^watching /m);
  return { root, folder, server, watch };
}

const stored = (root: string) => expect.poll(() => readStored(root), { timeout: 60_000, interval: 50 });

describe('sync --watch', () => {
  test('sends what is new, changed, written beside and renamed, and removes with --delete what was removed', async () => {
    const { root, folder, watch } = await watched(
      { 'a.txt': 'a', 'old/b.txt': 'b' },
      '--delete',
      '--exclude',
      '*.swp',
    );
    expect(readStored(root)).toEqual({ 'www/a.txt': 'a', 'www/old/b.txt': 'b' });
    writeFileSync(join(folder, '.a.txt.swp'), 'beside');
    writeFileSync(join(folder, '.a.txt.new'), 'changed');
    renameSync(join(folder, '.a.txt.new'), join(folder, 'a.txt'));
    renameSync(join(folder, 'old'), join(folder, 'new'));
    mkdirSync(join(folder, 'deep/er'), { recursive: true });
    for (let i = 0; i < 50; i++) writeFileSync(join(folder, `deep/er/${i}`), `${i}`);
    const burst = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`www/deep/er/${i}`, `${i}`]));
    await stored(root).toEqual({ 'www/a.txt': 'changed', 'www/new/b.txt': 'b', ...burst });
    rmSync(join(folder, 'deep'), { recursive: true });
    await stored(root).toEqual({ 'www/a.txt': 'changed', 'www/new/b.txt': 'b' });
    watch.child.kill('SIGINT');
    expect((await watch.done).status).toBe(130);
  });

  test('a server that is away gets what has changed meanwhile, once it is back', async () => {
    const { root, folder, server, watch } = await watched({ a: '1' });
    server.child.kill('SIGKILL');
    await server.done;
    writeFileSync(join(folder, 'a'), '22');
    await watch.said(/what changes meanwhile is sent when the server is back/);
    writeFileSync(join(folder, 'b'), 'new');
    await startServe(root, ['--port', String(server.port)]);
    await stored(root).toEqual({ 'www/a': '22', 'www/b': 'new' });
    await watch.said(/^the server is back$/m);
  });

  test('a server that is away at the start is waited for, and a name that is not known is not', async () => {
    const [root, folder] = [tempFolder(), tempFolder()];
    writeTree(folder, { a: '1' });
    const { port, server, child, done } = await startServe(root);
    child.kill('SIGKILL');
    await done;
    const watch = startSluice(['sync', folder, 'www', '--to', server, '--watch']);
    await watch.said(/what changes meanwhile is sent when the server is back/);
    await startServe(root, ['--port', String(port)]);
    await stored(root).toEqual({ 'www/a': '1' });
    await watch.said(/^watching /m);
    const unknown = ['sync', folder, 'www', '--to', 'no-such-host.invalid:1', '--watch'];
    expect(await startSluice(unknown).done).toMatchObject({ status: 3 });
    const missing = ['sync', join(folder, 'no'), 'www', '--to', server, '--watch'];
    expect(await startSluice(missing).done).toMatchObject({ status: 1 });
  });

  test('a round leaves nothing behind on stdout and stderr', async () => {
    const count =
      'process.on("exit",()=>console.error("listeners",["error","drain","close","resize"].map(e=>process.stdout.listenerCount(e)+process.stderr.listenerCount(e)).join()))';
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(count)}` };
    const listenersAfter = async (rounds: readonly string[]) => {
      const root = tempFolder();
      const folder = tempFolder();
      writeTree(folder, { a: 'first' });
      const { server } = await startServe(root);
      const watch = startSluice(['sync', folder, 'www', '--to', server, '--watch'], { env });
      await watch.said(/^watching /m);
      for (const text of rounds) {
        writeFileSync(join(folder, 'a'), text);
        await stored(root).toEqual({ 'www/a': text });
      }
      watch.child.kill('SIGINT');
      return /^listeners .*$/m.exec((await watch.done).stderr)?.[0];
    };
    expect(await listenersAfter(['22', '333'])).toBe(await listenersAfter([]));
  });

  test('more than --max-delete files are not removed, and all else goes on', async () => {
    const { root, folder, watch } = await watched(
      { a: '1', b: '2', c: '3' },
      '--delete',
      '--max-delete',
      '1',
    );
    rmSync(join(folder, 'a'));
    rmSync(join(folder, 'b'));
    writeFileSync(join(folder, 'c'), '33');
    await watch.said(/--delete would remove 2 files, and --max-delete is 1: they stay/);
    await stored(root).toEqual({ 'www/a': '1', 'www/b': '2', 'www/c': '33' });
  });

  test('a link to a folder that comes up later is told once, as in the first run', async () => {
    const { root, folder, watch } = await watched({ a: '1', 'elsewhere/x': 'x' });
    symlinkSync('elsewhere', join(folder, 'link'));
    await watch.said(/link: skipped, a link to a folder/);
    for (const text of ['22', '333']) {
      writeFileSync(join(folder, 'a'), text);
      await stored(root).toMatchObject({ 'www/a': text });
    }
    symlinkSync('elsewhere', join(folder, 'other'));
    await watch.said(/other: skipped, a link to a folder/);
    watch.child.kill('SIGINT');
    const { stderr } = await watch.done;
    expect(stderr.match(/skipped/g)).toHaveLength(2);
  });

  test('nothing is removed while a name is there that the server refuses, until it is left out', async () => {
    const files = { a: '1', b: '2', 'bad\\name': 'x' };
    const { root, folder, server, watch } = await watched(files, '--delete');
    rmSync(join(folder, 'b'));
    await watch.said(/nothing more is removed, since not all has arrived: 1 stay/);
    expect(readStored(root)).toEqual({ 'www/a': '1', 'www/b': '2' });
    watch.child.kill('SIGINT');
    await watch.done;
    const args = ['sync', folder, 'www', '--to', server.server, '--delete', '--exclude', 'bad?name'];
    expect(await sluiceInRunner(args)).toMatchObject({ status: 0, stderr: '' });
    expect(readStored(root)).toEqual({ 'www/a': '1' });
  });

  test('a folder that is removed and made anew is watched as before', async () => {
    const { root, folder } = await watched({ a: '1' }, '--delete');
    rmSync(folder, { recursive: true });
    writeTree(folder, { a: '2' });
    await stored(root).toEqual({ 'www/a': '2' });
    writeTree(folder, { 'n/c': '4' });
    await stored(root).toEqual({ 'www/a': '2', 'www/n/c': '4' });
  });

  test('it is for a folder of this machine, and does what --dry-run would only print', async () => {
    for (const [args, why] of [
      [['x', 'y', '--from', ':1'], '--watch is for a folder of this machine: it needs --to'],
      [['x', 'y', '--to', ':1', '--dry-run'], '--watch does what --dry-run only prints'],
    ] as const)
      expect(await sluiceInRunner(['sync', ...args, '--watch'])).toMatchObject({
        ...{ status: 2, stderr: expect.stringContaining(why) },
      });
  });
});
