/** `sluice serve --record`: what it writes, judged by tshark, and what it refuses. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { commentsIn, streamsOf } from '../../support/captures/recorded.ts';
import { follow, tshark } from '../../support/captures/tshark.ts';
import { need } from '../../support/install-tools.ts';
import { endAll, sluice, sluiceInRunner, startServe } from '../../support/processes/cli.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const recordings = (dir: string) =>
  readdirSync(dir)
    .sort()
    .map((name) => join(dir, name));

/** A server that records, with one file of three sent to it and one refused; ended in good order. */
async function served(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const folder = tempFolder();
  const [root, dir] = [join(folder, 'root'), join(folder, 'made', 'recordings')];
  const serving = await startServe(root, ['--record', dir, ...args]);
  const content = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));
  writeFileSync(join(folder, 'a'), content);
  const put = await sluiceInRunner(['put', join(folder, 'a'), '--to', serving.server], { env });
  const missing = await sluiceInRunner(['get', 'nothing', '--from', serving.server, '--out', folder], {
    env,
  });
  serving.child.kill('SIGTERM');
  const ran = await serving.done;
  return { folder, root, dir, content, put, missing, ran };
}

describe('sluice serve --record', () => {
  test('serve --record records each connection into a file, for this user alone, with what was sent and refused', async () => {
    const { dir, content, put, missing, ran } = await served();
    expect([put.status, missing.status, ran.status]).toEqual([0, 1, 0]);
    const [first, second, ...more] = recordings(dir);
    expect(more).toEqual([]);
    for (const path of [first!, second!]) expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    const uploaded = await streamsOf(first!);
    expect(uploaded.client.includes(content)).toBe(true);
    expect(commentsIn(second!)[0]).toMatch(/^refused request \d+ \(\w+, packet \d+\): not-found/);
    expect(ran.stderr).toContain(`recording into ${dir}`);
  });

  test('serve --record records no token', async () => {
    const folder = tempFolder();
    const access = join(folder, 'access.json');
    const token = 'a-secret-of-16-characters-or-more';
    writeFileSync(access, JSON.stringify({ tokens: [{ name: 'a', token, rights: ['read', 'write'] }] }));
    const { dir, put, content } = await served(['--access', access], { SLUICE_TOKEN: token });
    expect(put.status).toBe(0);
    const files = recordings(dir).map((path) => readFileSync(path));
    expect(files).toHaveLength(2);
    for (const file of files) {
      expect(file.includes('secret')).toBe(false);
      expect(file.includes(`"token":"${'*'.repeat(token.length)}"`)).toBe(true);
    }
    expect((await streamsOf(recordings(dir)[0]!)).client.includes(content)).toBe(true);
  });

  test.skipIf(!need('tshark'))('a file of serve --record is what Wireshark finds in order', async () => {
    const { dir, content } = await served();
    for (const path of recordings(dir)) {
      const checked = ['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
      const wrong =
        'tcp.analysis.flags or tcp.checksum.status != "Good" or ip.checksum.status != "Good" or _ws.malformed';
      expect(await tshark(path, [...checked, '-Y', wrong])).toBe('');
    }
    const { bytes } = await follow(recordings(dir)[0]!, 0);
    const ours = await streamsOf(recordings(dir)[0]!);
    expect(Buffer.from(bytes[0]).equals(ours.client)).toBe(true);
    expect(Buffer.from(bytes[1]).equals(ours.server)).toBe(true);
    expect(Buffer.from(bytes[0]).includes(content)).toBe(true);
  });

  test('serve --record keeps each file, and how many there are, within bounds', async () => {
    const { dir, put, ran } = await served(['--record-max-size', '100KiB', '--record-max-files', '1']);
    expect(put.status).toBe(0);
    expect(recordings(dir)).toHaveLength(1);
    expect(statSync(recordings(dir)[0]!).size).toBeLessThanOrEqual(100 * 1024);
    expect(ran.stderr).toMatch(/pcapng is full: it may have 102400 bytes/);
  });

  test('serve --record has on the disk what passed when the server is killed', async () => {
    const folder = tempFolder();
    const dir = join(folder, 'recordings');
    const serving = await startServe(join(folder, 'root'), ['--record', dir]);
    const socket = connect(serving.port, '127.0.0.1');
    const ping = Buffer.from('\x0e\0\0\0{"cmd":"ping"}', 'latin1');
    socket.write(ping);
    await new Promise((resolve) => socket.once('data', resolve));
    const recorded = async () => (recordings(dir)[0] ? (await streamsOf(recordings(dir)[0]!)).client : null);
    await expect.poll(async () => (await recorded())?.equals(ping)).toBe(true);
    serving.child.kill('SIGKILL');
    await serving.done;
    const { client, server, events } = await streamsOf(recordings(dir)[0]!);
    expect(client.equals(ping)).toBe(true);
    expect(server.toString('latin1')).toContain('"ack":"ping"');
    expect(events.at(-1)).toMatchObject({ type: 'close', reason: 'unfinished' });
    socket.destroy();
  });

  test('a server goes on serving when it can no longer record, and says so', async () => {
    const folder = tempFolder();
    const dir = join(folder, 'recordings');
    const serving = await startServe(join(folder, 'root'), ['--record', dir]);
    // Whatever it is to be called, it cannot be made in what is no folder any more.
    rmdirSync(dir);
    writeFileSync(join(folder, 'a'), 'content');
    const put = await sluiceInRunner(['put', join(folder, 'a'), '--to', serving.server]);
    expect(put.status).toBe(0);
    await serving.logged('has failed: the folder or the file is not there (ENOENT)', 1);
    serving.child.kill('SIGTERM');
    expect((await serving.done).status).toBe(0);
    expect(existsSync(dir)).toBe(false);
  });
});

describe('sluice serve --record refuses to start', () => {
  test.each([
    ['in the folder that is served', 'root/recordings'],
    ['as the folder that is served', 'root'],
  ])('serve --record refuses to start with status 2, and makes nothing: %s', async (_, dir) => {
    const cwd = tempFolder();
    const ran = await sluice(['serve', 'root', '--port', '0', '--record', dir], { cwd });
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toBe(
      `sluice: --record must not be in ${join(cwd, 'root')}: what is recorded would be served\n`,
    );
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('serve --record refuses to start where a symbolic link leads into the root', async () => {
    const cwd = tempFolder();
    mkdirSync(join(cwd, 'root', 'inside'), { recursive: true });
    symlinkSync(join(cwd, 'root', 'inside'), join(cwd, 'link'));
    const ran = await sluice(['serve', 'root', '--port', '0', '--record', 'link'], { cwd });
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toContain('would be served');
  });

  test('serve --record refuses to start where it is to record into what is no folder', async () => {
    const cwd = tempFolder();
    writeFileSync(join(cwd, 'file'), '');
    const ran = await sluice(['serve', 'root', '--port', '0', '--record', 'file'], { cwd });
    expect(ran).toMatchObject({ status: 1, stdout: '' });
    expect(ran.stderr).toMatch(/--record: .*file is a file, and must be a folder/);
  });
});
