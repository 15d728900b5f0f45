/** What bounds a recording: its size, how many there are, the memory in front of a slow disk; and what fails. */

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type RecordEnd, record } from '../../../src/capture/record/record.ts';
import { recordInto } from '../../../src/capture/record/record-directory.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { commentsIn, recorded, streamsOf } from '../../support/captures/recorded.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';
import { once, pattern, read, turns, write } from '../../transport/connection-helpers.ts';

const raw = { redact: null } as const;

async function sends(client: Connection, server: Connection, bytes: Uint8Array): Promise<Buffer> {
  const [atClient, atServer] = [read(client), read(server)];
  await write(client, bytes);
  client.end();
  await atServer.done;
  server.end();
  await atClient.done;
  return atServer.bytes();
}

describe('a recording that reaches its size', () => {
  test('a recording that reaches its size ends there, says so once in itself and outside, and the connection goes on', async () => {
    const sent = pattern(1_000_000);
    let arrived: Buffer = Buffer.alloc(0);
    const { path, ends } = await recorded(
      async (client, server) => {
        arrived = await sends(client, server, sent);
      },
      { ...raw, maxBytes: 300_000 },
    );
    expect(arrived.equals(sent)).toBe(true);
    expect(ends).toEqual([{ path, why: 'full', message: 'it may have 300000 bytes' }]);
    expect(statSync(path).size).toBeLessThanOrEqual(300_000);
    expect(statSync(path).size).toBeGreaterThan(200_000);
    const { client, events } = await streamsOf(path);
    expect(client.equals(sent.subarray(0, client.length))).toBe(true);
    expect(events.at(-1)).toMatchObject({ type: 'close', reason: 'unfinished' });
    expect(commentsIn(path)).toEqual(['the recording ends here: the file may have 300000 bytes']);
  });
});

test.each([3000, 3001, 3050, 3099])(
  'a recording of small packets has at most its size, %d bytes',
  async (maxBytes) => {
    const { path, ends } = await recorded(
      async (client, server) => {
        const reading = read(server);
        for (let at = 0; at < 100; at++) {
          await write(client, pattern(10));
          await turns(1);
        }
        client.destroy();
        await reading.done;
      },
      { ...raw, maxBytes },
    );
    expect(ends).toMatchObject([{ why: 'full' }]);
    expect(statSync(path).size).toBeLessThanOrEqual(maxBytes);
    expect(statSync(path).size).toBeGreaterThan(2000);
  },
);

describe('a recording that fails', () => {
  test.each([
    ['on a full disk', '/dev/full', 'ENOSPC'],
    ['where there is no folder', '/nonexistent/x.pcapng', 'ENOENT'],
  ])('a recording that fails %s says so once, and the connection does not notice', async (_, path, code) => {
    const recorder = record(path, raw);
    const ends: RecordEnd[] = [];
    recorder.ends$.subscribe((end) => ends.push(end));
    const [client, server] = memoryPair();
    const sent = pattern(20_000_000);
    expect((await sends(client, recorder.wrap(server), sent)).equals(sent)).toBe(true);
    await recorder.close();
    expect(ends).toEqual([{ path, why: 'failed', message: expect.stringContaining(code) }]);
  });
});

describe('a disk that does not keep up', () => {
  test('a disk that does not keep up stops the reading and the settling, and nothing is lost when it goes on', async () => {
    const path = join(tempFolder(), 'fifo');
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    const recorder = record(path, raw);
    const [client, server] = memoryPair();
    const tapped = recorder.wrap(server);
    const [atClient, atServer] = [read(client), read(tapped)];
    let settled = 0;
    const total = 40_000_000;
    for (let at = 0; at < total; at += 100_000) {
      client.write([pattern(100_000, at)], () => {
        settled += 100_000;
      });
    }
    client.end();
    // Nobody reads the pipe, so the disk takes nothing: until a good many turns brought nothing new.
    for (let before = -1; before !== settled; ) {
      before = settled;
      await turns(200);
    }
    expect(atServer.length()).toBeGreaterThan(1_000_000);
    expect(atServer.length()).toBeLessThan(8_000_000);
    const held = atServer.length();
    tapped.resume();
    await turns(50);
    expect(atServer.length()).toBe(held);
    const answered = write(tapped, pattern(10));
    let done = false;
    answered.then(() => {
      done = true;
    });
    await turns(50);
    expect(done).toBe(false);

    const reader = await open(path, 'r');
    const chunks: Buffer[] = [];
    const reading = (async () => {
      for await (const chunk of reader.createReadStream()) chunks.push(chunk as Buffer);
    })();
    expect(await atServer.done).toBeNull();
    expect(await answered).toBeNull();
    tapped.end();
    await atClient.done;
    await once(tapped.closed$);
    await recorder.close();
    await reading;
    expect(atServer.bytes().equals(pattern(total))).toBe(true);
    const copy = join(tempFolder(), 'copy.pcapng');
    writeFileSync(copy, Buffer.concat(chunks));
    expect((await streamsOf(copy)).client.equals(pattern(total))).toBe(true);
  });
});

describe('what is recorded', () => {
  test('a recording is on the disk soon, while the connection is open', async () => {
    const path = join(tempFolder(), 'open.pcapng');
    const recorder = record(path, raw);
    const [client, server] = memoryPair();
    const tapped = recorder.wrap(server);
    read(tapped);
    await write(client, pattern(1000));
    await expect
      .poll(async () =>
        existsSync(path) && statSync(path).size > 0 ? (await streamsOf(path)).client.length : 0,
      )
      .toBe(1000);
    tapped.destroy();
    await recorder.close();
  });

  test('the file of a recording may be read by its user alone', async () => {
    const { path } = await recorded((client, server) => sends(client, server, pattern(1)), raw);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('a recording ends when it is closed; the connection does not', async () => {
    const path = join(tempFolder(), 'closed.pcapng');
    const recorder = record(path, raw);
    const [client, server] = memoryPair();
    const tapped = recorder.wrap(server);
    const atServer = read(tapped);
    await write(client, pattern(10));
    await atServer.reached(10);
    await recorder.close();
    await write(client, pattern(10));
    await atServer.reached(20);
    tapped.destroy();
    await once(tapped.closed$);
    expect((await streamsOf(path)).client.length).toBe(10);
  });
});

describe('recordings in a folder', () => {
  const files = (dir: string) => readdirSync(dir).sort();

  async function oneMore(recorder: { wrap: (connection: Connection) => Connection }, bytes: number) {
    const [client, server] = memoryPair();
    const tapped = recorder.wrap(server);
    const over = once(tapped.closed$);
    await sends(client, tapped, pattern(bytes));
    await over;
  }

  test('each recording in a folder has its own file, named for its time and its peer', async () => {
    const dir = join(tempFolder(), 'made', 'here');
    const recorder = await recordInto(dir, raw);
    const ids: [string, string] = ['[2001:db8::1]:5000', 'unix:/run/../../etc/x y#3'];
    const ends = memoryPair({ ids });
    await sends(ends[0], recorder.wrap(ends[1]), pattern(10));
    await recorder.close();
    expect(files(dir)).toEqual([
      expect.stringMatching(
        /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z_unix-run-\.\.-\.\.-etc-x-y-3_2001-db8-1-5000\.pcapng$/,
      ),
    ]);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, files(dir)[0]!)).mode & 0o777).toBe(0o600);
  });

  test('a connection that sends nothing is not recorded in a folder', async () => {
    const dir = tempFolder();
    const recorder = await recordInto(dir, raw);
    const [client, server] = memoryPair();
    const tapped = recorder.wrap(server);
    read(client);
    read(tapped);
    client.end();
    tapped.end();
    await once(tapped.closed$);
    await recorder.close();
    expect(files(dir)).toEqual([]);
  });

  test('a folder has at most maxFiles recordings: the oldest are removed, and no other file is', async () => {
    const dir = tempFolder();
    const others = ['notes.pcapng', '2020-01-01.pcapng', 'x_2020-01-01T00-00-00.000Z_a_b.pcapng'];
    for (const name of others) writeFileSync(join(dir, name), 'mine');
    const old = '2020-01-01T00-00-00.000Z_tcp-1_10.0.0.1-5000.pcapng';
    writeFileSync(join(dir, old), 'of an earlier run');
    let now = 0;
    const clock = { origin: BigInt(Date.now()) * 1_000_000n, now: () => (now += 1e7) };
    const recorder = await recordInto(dir, { ...raw, maxFiles: 3, clock });
    for (let made = 1; made <= 5; made++) await oneMore(recorder, made);
    await recorder.close();
    await expect.poll(() => files(dir).length).toBe(others.length + 3);
    expect(files(dir)).toEqual(expect.arrayContaining(others));
    const kept = files(dir).filter((name) => !others.includes(name));
    const lengths = await Promise.all(
      kept.map(async (name) => (await streamsOf(join(dir, name))).client.length),
    );
    expect(lengths).toEqual([3, 4, 5]);
  });

  test('recordings in a folder are removed though their connections are open, and those go on', async () => {
    const dir = tempFolder();
    const recorder = await recordInto(dir, { ...raw, maxFiles: 1 });
    const [client, server] = memoryPair();
    const tapped = recorder.wrap(server);
    const atServer = read(tapped);
    await write(client, pattern(10));
    await atServer.reached(10);
    const [first] = await expect
      .poll(() => files(dir))
      .toHaveLength(1)
      .then(() => files(dir));
    await oneMore(recorder, 5);
    await expect.poll(() => files(dir).includes(first!)).toBe(false);
    await write(client, pattern(10));
    await atServer.reached(20);
    tapped.destroy();
    await recorder.close();
    expect(files(dir)).toHaveLength(1);
  });

  test('recordings in a folder need few descriptors, however many connections are open', async () => {
    const dir = tempFolder();
    const recorder = await recordInto(dir, raw);
    const open = () => readdirSync('/proc/self/fd').length;
    const before = open();
    const pairs = Array.from({ length: 300 }, () => memoryPair());
    const tapped = pairs.map(([, server]) => recorder.wrap(server));
    const reading = tapped.map((connection) => read(connection));
    for (const size of [10, 20]) {
      await Promise.all(pairs.map(([client]) => write(client, pattern(size))));
      await Promise.all(reading.map((each) => each.reached(size)));
      const wanted = size;
      await expect
        .poll(() => files(dir).filter((name) => statSync(join(dir, name)).size > wanted * 20).length)
        .toBe(300);
      expect(open() - before).toBeLessThan(64);
    }
    for (const connection of tapped) connection.destroy();
    await Promise.all(tapped.map((connection) => once(connection.closed$)));
    await recorder.close();
    expect(open()).toBeLessThanOrEqual(before + 2);
    for (const name of files(dir).slice(0, 10)) {
      expect((await streamsOf(join(dir, name))).client.length).toBe(30);
    }
  });

  test('a recording that somebody else removed from the folder is not made again', async () => {
    const dir = tempFolder();
    const recorder = await recordInto(dir, raw);
    const ends: RecordEnd[] = [];
    recorder.ends$.subscribe((end) => ends.push(end));
    const pairs = Array.from({ length: 40 }, () => memoryPair());
    const tapped = pairs.map(([, server]) => recorder.wrap(server));
    const reading = tapped.map((connection) => read(connection));
    await Promise.all(pairs.map(([client]) => write(client, pattern(10))));
    await expect.poll(() => files(dir).length).toBe(40);
    for (const name of files(dir)) rmSync(join(dir, name));
    await Promise.all(pairs.map(([client]) => write(client, pattern(10))));
    await Promise.all(reading.map((each) => each.reached(20)));
    for (const connection of tapped) connection.destroy();
    await recorder.close();
    expect(files(dir)).toEqual([]);
    expect(ends.every(({ why }) => why === 'failed')).toBe(true);
    expect(ends.length).toBeGreaterThan(0);
  });
});

test.skipIf(process.getuid?.() === 0)('a folder that may not be written to is said at once', async () => {
  const dir = tempFolder();
  chmodSync(dir, 0o500);
  await expect(recordInto(join(dir, 'x'))).rejects.toThrow('EACCES');
});

test('recording into a folder that is a file fails at once', async () => {
  const path = join(tempFolder(), 'file');
  writeFileSync(path, '');
  await expect(recordInto(path)).rejects.toThrow('EEXIST');
  expect(readFileSync(path).length).toBe(0);
});
