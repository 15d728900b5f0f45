import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Connection } from '../../../src/transport/connection.ts';
import type { ListenFault } from '../../../src/transport/listen-error.ts';
import { connectUnix, type ListenUnixOptions, listenUnix } from '../../../src/transport/unix/unix.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';
import { connectionContract } from '../connection-contract.ts';
import { once, pattern, read, write } from '../connection-helpers.ts';
import { listener } from '../tcp-pair.ts';

connectionContract(
  'A Unix socket',
  async () => {
    const path = `${tempFolder()}/s`;
    const { connection, stop } = await listener(listenUnix({ path }));
    const pair = await Promise.all([once(connectUnix({ path })), connection()]);
    stop();
    return pair;
  },
  { resets: false, names: false },
);

async function listening(options: ListenUnixOptions) {
  const listened = await listener(listenUnix(options));
  onTestFinished(listened.stop);
  return listened;
}

/** What listening or connecting errors with. */
const failure = (attempt: Promise<unknown>): Promise<ListenFault> =>
  attempt.then(
    () => expect.unreachable('it went well'),
    (fault) => fault,
  );

/** A socket on which no server listens any more, left by a program that was killed. */
function stale(path: string): void {
  const listen = `require('net').createServer().listen(${JSON.stringify(path)}`;
  spawnSync(process.execPath, ['-e', `${listen}, () => process.kill(process.pid, 'SIGKILL'))`]);
}

const modeOf = (path: string): number => lstatSync(path).mode & 0o777;

describe('listenUnix', () => {
  test('listenUnix makes a socket for this user alone, and leaves nothing else beside it', async () => {
    const folder = tempFolder();
    await listening({ path: `${folder}/s` });
    expect(modeOf(`${folder}/s`)).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['s']);
  });

  test('listenUnix gives it the mode that was asked for, whatever the umask is', async () => {
    const path = `${tempFolder()}/s`;
    await listening({ path, mode: 0o666 });
    expect(modeOf(path)).toBe(0o666);
  });

  test('listenUnix says where it listens, and names its connections', async () => {
    const path = `${tempFolder()}/s`;
    const events: unknown[] = [];
    const subscription = listenUnix({ path }).subscribe((event) => {
      events.push(event.type === 'connection' ? event.connection.remote : event);
      if (event.type === 'connection') event.connection.destroy();
    });
    onTestFinished(() => subscription.unsubscribe());
    await expect.poll(() => events).toEqual([{ type: 'listening', address: `unix:${path}`, port: 0 }]);
    const client = await once(connectUnix({ path }));
    expect(client.remote).toBe(`unix:${path}`);
    await expect.poll(() => events.length).toBe(2);
    expect(String(events[1])).toMatch(/^unix:.*\/s#\d+$/);
    client.destroy();
  });

  test('listenUnix removes the socket when it stops; connections live on', async () => {
    const folder = tempFolder();
    const { connection, stop } = await listening({ path: `${folder}/s` });
    const client = await once(connectUnix({ path: `${folder}/s` }));
    const accepted: Connection = await connection();
    stop();
    expect(readdirSync(folder)).toEqual([]);
    const reading = read(accepted);
    await write(client, pattern(10));
    await reading.reached(10);
    client.destroy();
    accepted.destroy();
  });

  test('listenUnix leaves nothing when it stops before it listens', () => {
    const folder = tempFolder();
    listenUnix({ path: `${folder}/s` })
      .subscribe(() => expect.unreachable())
      .unsubscribe();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('listenUnix replaces a socket on which no server listens', async () => {
    const folder = tempFolder();
    stale(`${folder}/s`);
    expect((await failure(once(connectUnix({ path: `${folder}/s` })))).code).toBe('refused');
    const { connection } = await listening({ path: `${folder}/s` });
    const [client, accepted] = await Promise.all([once(connectUnix({ path: `${folder}/s` })), connection()]);
    client.destroy();
    accepted.destroy();
    expect(readdirSync(folder)).toEqual(['s']);
  });

  test('listenUnix does not take the place of one that is listened on', async () => {
    const folder = tempFolder();
    const path = `${folder}/s`;
    const { connection } = await listening({ path });
    expect(await failure(listener(listenUnix({ path })))).toMatchObject({
      code: 'in-use',
      address: `unix:${path}`,
      message: `unix:${path} is in use by another program: stop it, or choose another path`,
    });
    expect(readdirSync(folder)).toEqual(['s']);
    const looked = await connection();
    looked.destroy();
    const [client, accepted] = await Promise.all([once(connectUnix({ path })), connection()]);
    client.destroy();
    accepted.destroy();
  });

  test('one of many servers that start at once at a stale socket listens', async () => {
    const folder = tempFolder();
    const path = `${folder}/s`;
    stale(path);
    const started = await Promise.allSettled(Array.from({ length: 8 }, () => listening({ path })));
    const faults = started.filter((each) => each.status === 'rejected').map((each) => each.reason.code);
    expect(faults).toEqual(Array(7).fill('in-use'));
    (await once(connectUnix({ path }))).destroy();
    expect(readdirSync(folder)).toEqual(['s']);
  });

  test('listenUnix leaves alone what is not a socket', async () => {
    const folder = tempFolder();
    writeFileSync(`${folder}/s`, 'precious');
    const fault = await failure(listener(listenUnix({ path: `${folder}/s` })));
    expect(fault).toMatchObject({ code: 'failed', message: expect.stringContaining('is not a socket') });
    expect(readFileSync(`${folder}/s`, 'utf8')).toBe('precious');
    expect(readdirSync(folder)).toEqual(['s']);
  });

  test('listenUnix does not remove what another process has put in its place', async () => {
    const folder = tempFolder();
    const { stop } = await listening({ path: `${folder}/s` });
    unlinkSync(`${folder}/s`);
    writeFileSync(`${folder}/s`, 'precious');
    stop();
    expect(readFileSync(`${folder}/s`, 'utf8')).toBe('precious');
  });

  test('listenUnix says how much too long a path is', async () => {
    const folder = tempFolder();
    const path = `${folder}/${'x'.repeat(120)}`;
    const { message } = await failure(listener(listenUnix({ path })));
    expect(message).toMatch(/the path is \d+ bytes too long/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('listenUnix errors when the folder is missing', async () => {
    const { message } = await failure(listener(listenUnix({ path: `${tempFolder()}/missing/s` })));
    expect(message).toContain('ENOENT');
  });

  test.skipIf(process.getuid?.() === 0)(
    'listenUnix errors when the folder may not be written to',
    async () => {
      const folder = tempFolder();
      chmodSync(folder, 0o500);
      onTestFinished(() => chmodSync(folder, 0o700));
      expect((await failure(listener(listenUnix({ path: `${folder}/s` })))).code).toBe('forbidden');
    },
  );
});

test('connectUnix errors with `unreachable` when there is no such socket', async () => {
  const path = `${tempFolder()}/s`;
  const fault = await failure(once(connectUnix({ path })));
  expect(fault).toMatchObject({ code: 'unreachable', message: expect.stringContaining(`unix:${path}`) });
});
