/** Downloads from the command line that are interrupted: by the network, by the server, by whoever began them. */
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { filter, firstValueFrom, Subject } from 'rxjs';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Plan } from '../../support/network/fault-plan.ts';
import { startFaultProxy } from '../../support/network/fault-proxy.ts';
import {
  endAll,
  jsonLines,
  main,
  shareServe,
  sluice,
  sluiceInRunner,
  start,
  startServe,
  startSluice,
} from '../../support/processes/cli.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const MB = 1_000_000;
const size = 30 * MB;

const film = bytesFrom(1, size);

const share = shareServe();

/** The server that the tests share which leave it as it was. */
const shared = () => {
  const { folder, root, ...serving } = share();
  return { folder, root, serving, restart: () => expect.unreachable() };
};

/** A server of the test's own, which it may kill and start again. */
async function own() {
  const folder = tempFolder();
  const root = join(folder, 'root');
  const its = {
    ...{ folder, root, serving: await startServe(root) },
    restart: async () => {
      its.serving.child.kill('SIGKILL');
      await its.serving.done;
      its.serving = await startServe(root);
    },
  };
  return its;
}

/** A server that has a large file, `d/film`, behind a proxy; and a folder to fetch it into. */
async function through(
  planFor: (connection: number, killed$: Subject<void>) => Plan,
  server: Awaited<ReturnType<typeof own>> = shared(),
) {
  const killed$ = new Subject<void>();
  const plan = (connection: number) => planFor(connection, killed$);
  const { folder, root } = server;
  const into = join(folder, 'into');
  const store = (content: Uint8Array) => writeTree(root, { 'd/film': content });
  store(film);
  const proxy = await startFaultProxy({ target: () => server.serving.port, plan });
  onTestFinished(() => proxy.close());
  const down: number[] = [];
  proxy.events$.subscribe((event) => {
    if (event.type !== 'carried' || event.way !== 'down') return;
    down[event.connection] = (down[event.connection] ?? 0) + event.bytes;
  });
  return {
    ...{ folder, root, into, down, store, server: server.serving.server },
    get: ['get', 'd/film', '--from', `:${proxy.port}`, '--out', `${into}/`, '--json'],
    got: () => readFileSync(join(into, 'film')),
    files: () => (existsSync(into) ? readdirSync(into) : []),
    stalled: () =>
      firstValueFrom(proxy.events$.pipe(filter((event) => event.type === 'stall' && event.connection === 0))),
    restart: async () => {
      const restarted = server.restart();
      killed$.next();
      await restarted;
    },
  };
}

const stallAfter = (after: number, until: Subject<void>): Plan => ({
  down: { faults: [{ after, type: 'stall', until }] },
});
const stallsAtFirst = (connection: number, killed$: Subject<void>): Plan =>
  connection === 0 ? stallAfter(15 * MB, killed$) : {};
const resetAfter = (after: number): Plan => ({ down: { faults: [{ after, type: 'reset' }] } });
/** For a server that is started anew, which takes its time on a busy machine. */
const MANY_RETRIES = ['--retries', '20'];
const sum = (counts: readonly number[]) => counts.reduce((all, one) => all + one, 0);
const received = (stdout: string) => jsonLines(stdout).find(({ event }) => event === 'received');

/** Begins to fetch, and ends the process when half of it is there. */
async function interrupted(it: Awaited<ReturnType<typeof through>>, signal: 'SIGINT' | 'SIGKILL') {
  const first = startSluice(it.get);
  await it.stalled();
  await expect
    .poll(() => it.files().map((name) => statSync(join(it.into, name)).size)[0] ?? 0)
    .toBeGreaterThan(10 * MB);
  first.child.kill(signal);
  const ran = await first.done;
  expect(it.files()).toEqual([expect.stringMatching(/^\.sluice-.*\.part$/)]);
  return { ...ran, part: join(it.into, it.files()[0]!) };
}

describe('a get of a large file', () => {
  test('a get of a large file goes on over connections that are cut, and fetches hardly a byte twice', async () => {
    const it = await through((connection) => (connection < 3 ? resetAfter(8 * MB) : {}));
    const ran = await sluice(it.get);
    expect(ran.status).toBe(0);
    expect(it.got().equals(film)).toBe(true);
    expect(it.down.length).toBe(4);
    // All over again each time, it would be 8 MB more for each cut. What was carried may not have been delivered.
    expect(sum(it.down)).toBeLessThan(size + 12 * MB);
    expect(jsonLines(ran.stdout).filter(({ event }) => event === 'retry').length).toBe(3);
    expect(it.files()).toEqual(['film']);
  });

  test('a get of a large file goes on after the server was killed and started again', async () => {
    const it = await through(stallsAtFirst, await own());
    const getting = startSluice([...it.get, ...MANY_RETRIES]);
    await it.stalled();
    await it.restart();
    expect((await getting.done).status).toBe(0);
    expect(it.got().equals(film)).toBe(true);
    expect(sum(it.down.slice(1))).toBeLessThan(size - 5 * MB);
  });

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'a get of a large file that was ended by %s goes on when it is run again',
    async (signal) => {
      const it = await through(stallsAtFirst);
      const first = await interrupted(it, signal);
      if (signal === 'SIGINT') {
        expect(first).toMatchObject({
          status: 130,
          stderr: `sluice: ${it.into}/film: the same command goes on where it was\n`,
        });
      }
      const there = statSync(first.part).size;
      const second = await sluiceInRunner(it.get);
      expect(received(second.stdout)).toMatchObject({ size, resumedFrom: there });
      expect(sum(it.down.slice(1))).toBeLessThan(size - there + 10_000);
      expect(it.got().equals(film)).toBe(true);
      expect(it.files()).toEqual(['film']);
    },
  );

  test('a get of a folder leaves the part of an interrupted get alone, which goes on later', async () => {
    const it = await through(stallsAtFirst);
    await interrupted(it, 'SIGKILL');
    const folder = it.get.map((word) => (word === 'd/film' ? 'd/' : word === `${it.into}/` ? it.into : word));
    // Into a folder that is there the folder itself goes, as with cp.
    expect(received((await sluiceInRunner(folder)).stdout)).not.toHaveProperty('resumedFrom');
    expect(readFileSync(join(it.into, 'd/film')).equals(film)).toBe(true);
    expect(received((await sluiceInRunner(it.get)).stdout)).toHaveProperty('resumedFrom');
  });

  test('a large file that has changed on the server is fetched anew, and the part of it is removed', async () => {
    const it = await through(stallsAtFirst);
    await interrupted(it, 'SIGKILL');
    const other = bytesFrom(2, size);
    it.store(other);
    utimesSync(join(it.root, 'd/film'), 1_000_000_000, 1_000_000_000);
    const second = await sluiceInRunner(it.get);
    expect(received(second.stdout)).not.toHaveProperty('resumedFrom');
    expect(it.got().equals(other)).toBe(true);
    expect(it.files()).toEqual(['film']);
  });

  test('a get whose part was spoiled meanwhile finds that out by the CRC-32, and fetches the file anew', async () => {
    const it = await through(stallsAtFirst);
    // The server knows the CRC-32 of what was put, not of what somebody has copied there.
    const put = ['put', join(it.root, 'd/film'), '--to', it.server, '--as', 'd/film', '-q'];
    expect(await sluiceInRunner(put)).toMatchObject({ status: 0 });
    const { part } = await interrupted(it, 'SIGKILL');
    const there = statSync(part).size;
    truncateSync(part, 5 * MB);
    truncateSync(part, there);
    expect((await sluiceInRunner(it.get)).status).toBe(0);
    expect(it.got().equals(film)).toBe(true);
    expect(it.files()).toEqual(['film']);
  });

  test('a get while another one fetches the same file leaves that one alone', async () => {
    const it = await through(stallsAtFirst, await own());
    const first = startSluice([...it.get, ...MANY_RETRIES]);
    await it.stalled();
    const second = await sluice(it.get);
    expect(received(second.stdout)).not.toHaveProperty('resumedFrom');
    expect(it.got().equals(film)).toBe(true);
    expect(it.files().length).toBe(2);
    await it.restart();
    expect((await first.done).status).toBe(0);
    expect(it.got().equals(film)).toBe(true);
    expect(it.files()).toEqual(['film']);
  });

  test('a get gives up after --retries tries, keeps what came, and says that the same command goes on', async () => {
    const it = await through((connection) => (connection === 0 ? resetAfter(15 * MB) : { refuse: true }));
    const ran = await sluice([...it.get, '--retries', '1']);
    expect(ran.status).toBe(3);
    expect(ran.stderr).toMatch(
      /film: the same command goes on where it was\n.*: 1 of 1 file was not received\n$/,
    );
    expect(it.files()).toEqual([expect.stringMatching(/\.part$/)]);
  });
});

test('a get to stdout goes on over a connection that is cut, in order', async () => {
  const it = await through((connection) => (connection === 0 ? resetAfter(9 * MB) : {}));
  const server = it.get[it.get.indexOf('--from') + 1]!;
  const script = '"$node" "$main" get d/film d/film --from "$server" --out - | cat > "$out"';
  const out = join(it.folder, 'printed');
  const ran = await start('bash', ['-o', 'pipefail', '-c', script], {
    env: { node: process.execPath, main, server, out },
  }).done;
  expect(ran).toMatchObject({ status: 0, stderr: '' });
  expect(it.down.length).toBe(2);
  expect(readFileSync(out).equals(Buffer.concat([film, film]))).toBe(true);
});
