/** The engines, before stores are judged by them: each comes up, answers, bears what is done to it, and goes. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type Engine,
  needEngine,
  type PostgresFacts,
  sharedBucket,
  sharedPostgres,
  startCeph,
  startPostgres,
  startSwift,
} from './engines.ts';
import { httpProxy } from './http-proxy.ts';
import { s3Request } from './s3-requests.mjs';
import { tcpProxy } from './tcp-proxy.ts';

/** `T` of a process that is stopped; undefined of one that is over, also where nobody has reaped it. */
function stateOf(pid: number): string | undefined {
  if (!existsSync(`/proc/${pid}/stat`)) return undefined;
  const [, state] = /\) (.)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
  return state === 'Z' || state === 'X' ? undefined : state;
}

/** The pids of an engine by their names, with those of the processes below them. */
function processesOf({ folder }: Engine<unknown>): Map<string, readonly number[]> {
  const names = readdirSync(join(folder, 'processes')).filter((name) => !name.includes('.'));
  const pids = (name: string): number[] => {
    const [pid] = readFileSync(join(folder, 'processes', name), 'latin1').split(' ');
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
    return [pid, ...children].map(Number);
  };
  return new Map(names.map((name) => [name, pids(name)]));
}

async function stopsWithoutATrace(engine: Engine<unknown>, expected: number): Promise<void> {
  const pids = [...processesOf(engine).values()].flat();
  expect(pids.filter((pid) => stateOf(pid) !== undefined).length).toBeGreaterThanOrEqual(expected);
  await engine.stop();
  expect(pids.filter((pid) => stateOf(pid) !== undefined)).toEqual([]);
  expect(existsSync(engine.folder)).toBe(false);
}

describe.skipIf(!needEngine('postgres'))('PostgreSQL', () => {
  async function query({ bin, url }: PostgresFacts, sql: string, port?: number): Promise<string> {
    const at = new URL(url);
    if (port !== undefined) at.port = String(port);
    const { stdout } = await promisify(execFile)(join(bin, 'psql'), [at.href, '-Atqc', sql]);
    return stdout.trim();
  }

  test('it has the settings it is given, outlives a kill, a restart and a pause, and leaves nothing', async () => {
    const engine = await startPostgres({ max_connections: 5 });
    onTestFinished(engine.stop);
    const { facts } = engine;
    expect(await query(facts, 'show max_connections')).toBe('5');
    await query(facts, 'create table kept as select 7 as n');

    await engine.kill();
    await expect(query(facts, 'select 1')).rejects.toThrow('Connection refused');
    await engine.restart();
    expect(await query(facts, 'table kept')).toBe('7');
    await engine.restart();
    expect(await query(facts, 'table kept')).toBe('7');

    await engine.pause();
    expect(new Set(processesOf(engine).get('postgres')?.map(stateOf))).toEqual(new Set(['T']));
    await engine.resume();
    expect(await query(facts, 'table kept')).toBe('7');
    await engine.kill();
    await engine.restart();
    // Shared memory outlives who has made it.
    const [, segment] = /^ *\d+ +(\d+)$/m.exec(
      readFileSync(join(engine.folder, 'data/postmaster.pid'), 'latin1'),
    )!;
    const segments = () =>
      readFileSync('/proc/sysvipc/shm', 'latin1')
        .split('\n')
        .map((line) => line.trim().split(/ +/)[1]);
    expect(segments()).toContain(segment);
    await stopsWithoutATrace(engine, 5);
    expect(segments()).not.toContain(segment);
  });

  test('who shares it has a database of its own, whose order is not that of bytes unless it is asked for', async () => {
    const [one, other] = await Promise.all([sharedPostgres(), sharedPostgres()]);
    expect(one.port).toBe(other.port);
    await query(one, 'create table mine ()');
    expect(await query(other, "select to_regclass('mine') is null")).toBe('t');
    expect(await query(one, `select 'a' < 'B', 'a' < 'B' collate "C"`)).toBe('t|f');
  });

  test('a proxy loses requests and answers, holds them, and refuses and cuts connections', async () => {
    const facts = await sharedPostgres();
    const proxy = await tcpProxy(facts.port);
    onTestFinished(proxy.close);
    const insert = (n: number) => query(facts, `insert into kept values (${n})`, proxy.port);
    const kept = () => query(facts, "select string_agg(n::text, ' ' order by n) from kept");
    const broken = /closed the connection|Connection reset|could not receive/;
    await query(facts, 'create table kept (n int)', proxy.port);

    const asked = proxy.next('request', 'insert into kept', 'break');
    await expect(insert(1)).rejects.toThrow(broken);
    await asked;
    const answered = proxy.next('answer', 'INSERT 0 1', 'break');
    await expect(insert(2)).rejects.toThrow(broken);
    await answered;
    expect(await kept()).toBe('2');

    const held = proxy.next('answer', 'INSERT 0 1', 'hold');
    const third = insert(3);
    await held;
    expect(await kept()).toBe('2 3');
    proxy.release();
    await third;

    const heldAgain = proxy.next('request', 'insert into kept', 'hold');
    const fourth = insert(4);
    await heldAgain;
    expect(proxy.open).toBe(1);
    proxy.cut();
    await expect(fourth).rejects.toThrow(broken);
    proxy.refuse(true);
    await expect(insert(5)).rejects.toThrow(broken);
    proxy.refuse(false);
    proxy.delay(1);
    proxy.hold();
    const sixth = insert(6);
    await expect.poll(() => proxy.open).toBe(1);
    proxy.release();
    await sixth;
    expect(await kept()).toBe('2 3 6');
  });
});

describe.each([
  { name: 'ceph', start: startCeph, gateway: 'gateway', processes: 3 },
  { name: 'swift', start: startSwift, gateway: 'proxy', processes: 5 },
] as const)('$name', ({ name, start, gateway, processes }) => {
  test.skipIf(!needEngine(name))(
    'it stores, lists and deletes, outlives a kill and a pause of its gateway, and leaves nothing',
    async () => {
      const engine = await start();
      onTestFinished(engine.stop);
      const { facts } = engine;
      const ask = async (...args: [method: string, key?: string, body?: string]) => {
        const [method, key, body] = args;
        const answer = await s3Request(facts, method, key, body === undefined ? {} : { body });
        return { status: answer.status, text: await answer.text() };
      };
      expect(await ask('PUT', 'folder/ä b+c', 'seven')).toMatchObject({ status: 200 });
      expect(await ask('GET', 'folder/ä b+c')).toEqual({ status: 200, text: 'seven' });
      expect((await ask('GET')).text).toContain('<Key>folder/ä b+c</Key>');

      await engine.kill();
      await expect(ask('GET')).rejects.toThrow('fetch failed');
      await engine.restart();
      expect((await ask('GET', 'folder/ä b+c')).text).toBe('seven');
      await engine.pause();
      expect(new Set(processesOf(engine).get(gateway)?.map(stateOf))).toEqual(new Set(['T']));
      await engine.resume();

      expect(await ask('DELETE', 'folder/ä b+c')).toEqual({ status: 204, text: '' });
      expect((await ask('GET')).text).not.toContain('<Key>');
      await stopsWithoutATrace(engine, processes);
    },
  );
});

test.skipIf(!needEngine('ceph'))(
  'a proxy answers errors, loses answers, cuts them short, and has a request arrive after its client gave up',
  async () => {
    const engine = await sharedBucket('ceph');
    const proxy = await httpProxy(engine.port);
    onTestFinished(proxy.close);
    const facts = { ...engine, endpoint: proxy.endpoint };
    const put = (key: string, signal?: AbortSignal) =>
      s3Request(facts, 'PUT', key, { body: key.repeat(100_000), ...(signal && { signal }) });
    const status = async (key: string) => (await s3Request(engine, 'HEAD', key)).status;

    const failed = proxy.inject({ type: 'answer', status: 503 }, { times: 2 });
    expect([(await put('a')).status, (await put('a')).status]).toEqual([503, 503]);
    await failed;
    expect(await status('a')).toBe(404);
    expect((await put('a')).status).toBe(200);

    const lost = proxy.inject({ type: 'lose-answer' }, { when: ({ method }) => method === 'PUT' });
    await expect(put('b')).rejects.toThrow('fetch failed');
    expect(await lost).toBe(200);
    expect(await status('b')).toBe(200);

    const short = proxy.inject({ type: 'truncate', after: 70_000 });
    const got = await s3Request(facts, 'GET', 'b');
    expect(got.headers.get('content-length')).toBe('100000');
    await expect(got.text()).rejects.toThrow('terminated');
    expect(await short).toBe(200);

    const client = new AbortController();
    let arrive = () => {};
    const until = () =>
      new Promise<void>((resolve) => {
        arrive = resolve;
        client.abort();
      });
    const late = proxy.inject({ type: 'late', until });
    await expect(put('c', client.signal)).rejects.toThrow('aborted');
    expect(await status('c')).toBe(404);
    arrive();
    expect(await late).toBe(200);
    expect(await status('c')).toBe(200);
    expect(proxy.seen.at(-1)).toEqual({ method: 'PUT', url: `/${facts.bucket}/c` });
  },
);
