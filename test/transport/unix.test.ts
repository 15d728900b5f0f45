import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { afterAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/transport/connection.ts';
import { connectUnix, listenUnix } from '../../src/transport/unix.ts';
import { connectionContract } from './connection-contract.ts';
import { once, read } from './connection-helpers.ts';
import { listener } from './tcp-pair.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-unix-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;
const freshPath = () => join(folder, `${++made}.sock`);

async function unixPair(): Promise<[Connection, Connection]> {
  const path = freshPath();
  const { connection, stop } = await listener(listenUnix({ path }));
  const pair = await Promise.all([once(connectUnix({ path })), connection()]);
  stop();
  return pair;
}
connectionContract('a Unix socket', unixPair, { resets: false, names: false });

describe('listening on a Unix socket', () => {
  test('lets in this user alone unless told otherwise, and leaves the process as it was', async () => {
    const before = process.umask();
    const [own, shared] = [freshPath(), freshPath()];
    const first = await listener(listenUnix({ path: own }));
    const second = await listener(listenUnix({ path: shared, mode: 0o666 }));
    expect(statSync(own).mode & 0o777).toBe(0o600);
    expect(statSync(shared).mode & 0o777).toBe(0o666);
    expect(process.umask()).toBe(before);
    first.stop();
    second.stop();
  });

  test('says where, names its connections, and removes the socket at the end', async () => {
    const path = freshPath();
    const listening$ = listenUnix({ path });
    const { connection, stop } = await listener(listening$);
    const client = await once(connectUnix({ path }));
    const served = await connection();
    expect(served.local).toBe(`unix:${path}`);
    expect(served.remote).toMatch(/^unix:.*#\d+$/);
    stop();
    expect(existsSync(path)).toBe(false);
    client.destroy();
    served.destroy();
  });

  test('replaces a socket that nobody listens on any more', async () => {
    const path = freshPath();
    // Ends without removing it.
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect(lstatSync(path).isSocket()).toBe(true);
    const { connection, stop } = await listener(listenUnix({ path }));
    const client = await once(connectUnix({ path }));
    const bytes = read(await connection());
    client.end();
    expect(await bytes.done).toBeNull();
    stop();
  });

  test('leaves alone one that somebody listens on', async () => {
    const path = freshPath();
    const other = createServer().listen(path);
    await new Promise((resolve) => other.once('listening', resolve));
    await expect(firstValueFrom(listenUnix({ path }))).rejects.toMatchObject({
      code: 'in-use',
      address: `unix:${path}`,
    });
    expect(existsSync(path)).toBe(true);
    other.close();
  });

  test('leaves alone what is no socket', async () => {
    const path = freshPath();
    writeFileSync(path, 'mine');
    await expect(firstValueFrom(listenUnix({ path }))).rejects.toMatchObject({ code: 'failed' });
    expect(lstatSync(path).isFile()).toBe(true);
  });

  test.each([
    ['is too long', join(folder, 'x'.repeat(120)), 'failed'],
    ['is in no folder', join(folder, 'nowhere', 's.sock'), 'failed'],
  ])('fails with a reason when the path %s', async (_, path, code) => {
    await expect(firstValueFrom(listenUnix({ path }))).rejects.toMatchObject({ code });
  });
});

test('connecting where nobody listens says so', async () => {
  await expect(once(connectUnix({ path: join(folder, 'nobody.sock') }))).rejects.toMatchObject({
    code: 'unreachable',
  });
});
