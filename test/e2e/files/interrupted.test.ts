/** Uploads from the command line that are interrupted: by the network, by the server, by whoever began them. */
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { filter, firstValueFrom, NEVER } from 'rxjs';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Plan } from '../../support/network/fault-plan.ts';
import { type RunningProxy, startFaultProxy } from '../../support/network/fault-proxy.ts';
import {
  endAll,
  jsonLines,
  sluice,
  sluiceInRunner,
  startServe,
  startSluice,
} from '../../support/processes/cli.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const MB = 1_000_000;
/** Bytes between two tellings of what is durable, and what may be under way besides: in buffers of either side. */
const unknown = 16 * MB;

async function through(plan: (connection: number) => Plan, size = 30 * MB) {
  const folder = tempFolder();
  const root = join(folder, 'root');
  const film = join(folder, 'film');
  const content = bytesFrom(1, size);
  writeFileSync(film, content);
  let serving = await startServe(root);
  const proxy = await startFaultProxy({ target: () => serving.port, plan });
  onTestFinished(() => proxy.close());
  const up = countUp(proxy);
  const arrived = async (event: 'stall' | 'joined', connection = 0) => {
    await firstValueFrom(
      proxy.events$.pipe(filter((it) => it.type === event && it.connection === connection)),
    );
  };
  return {
    ...{ folder, root, film, content, up, arrived },
    put: ['put', film, '--to', `:${proxy.port}`, '--json'],
    stored: () => readFileSync(join(root, 'film')),
    restart: async () => {
      serving.child.kill('SIGKILL');
      await serving.done;
      serving = await startServe(root);
    },
  };
}

/** Bytes that the proxy has carried to the server on each connection. */
function countUp({ events$ }: RunningProxy): number[] {
  const counts: number[] = [];
  events$.subscribe((event) => {
    if (event.type !== 'carried' || event.way !== 'up') return;
    counts[event.connection] = (counts[event.connection] ?? 0) + event.bytes;
  });
  return counts;
}

const sum = (counts: readonly number[]) => counts.reduce((all, one) => all + one, 0);
const resetAfter = (after: number): Plan => ({ up: { faults: [{ after, type: 'reset' }] } });
const stallAfter = (after: number): Plan => ({ up: { faults: [{ after, type: 'stall', until: NEVER }] } });

describe('a put of a large file', () => {
  test('a put of a large file goes on over connections that are cut, and tells each in one line', async () => {
    const cuts = [9 * MB, 100, 12 * MB];
    const it = await through((connection) => (connection < cuts.length ? resetAfter(cuts[connection]!) : {}));
    const ran = await sluice(it.put.filter((word) => word !== '--json'));
    expect(ran).toMatchObject({ status: 0, stdout: expect.stringMatching(/^stored film \(28\.6 MiB\)\n/) });
    expect(it.stored().equals(it.content)).toBe(true);
    expect(it.up.length).toBe(4);
    // Not once more from the start each time: that would be 9 + 12 + 30.
    expect(sum(it.up)).toBeLessThan(48 * MB);
    const lines = ran.stderr.trimEnd().split('\n');
    expect(lines.length).toBe(3);
    for (const line of lines) {
      expect(line).toMatch(/^sluice: .*: trying again in \d+\.\d s, [12] of 5$/);
    }
    expect(readdirSync(join(it.root, '.sluice/parts')).length).toBe(0);
  });

  test('a put of a large file goes on after the server was killed and started again', async () => {
    const it = await through((connection) => (connection === 0 ? stallAfter(18 * MB) : {}));
    // Starting the server takes its time on a busy machine.
    const putting = startSluice([...it.put, '--retries', '20']);
    await it.arrived('stall');
    await it.restart();
    const { status, stdout } = await putting.done;
    expect(status).toBe(0);
    const events = jsonLines(stdout);
    expect(events.filter(({ event }) => event === 'retry').length).toBeGreaterThan(0);
    const { resumedFrom } = events.find(({ event }) => event === 'stored') as { resumedFrom: number };
    expect(resumedFrom).toBeGreaterThan(18 * MB - unknown);
    expect(sum(it.up.slice(1))).toBeLessThan(30 * MB - resumedFrom + 10_000);
    expect(it.stored().equals(it.content)).toBe(true);
  });

  test('a put of a large file that is interrupted says that the same command goes on, and it does', async () => {
    const it = await through((connection) => (connection === 0 ? { up: { rate: 12 * MB } } : {}));
    const first = startSluice(it.put);
    await first.said(/"event":"progress".*"durable":[1-9]/);
    first.child.kill('SIGINT');
    expect(await first.done).toMatchObject({
      status: 130,
      stderr: `sluice: ${it.film}: the same command goes on where it was\n`,
    });
    expect(existsSync(join(it.root, 'film'))).toBe(false);
    const second = await sluiceInRunner(it.put);
    const { resumedFrom } = jsonLines(second.stdout).find(({ event }) => event === 'stored')!;
    expect(resumedFrom).toBeGreaterThan(0);
    expect(it.up[1]).toBeLessThan(30 * MB - Number(resumedFrom) + 10_000);
    expect(it.stored().equals(it.content)).toBe(true);
  });

  test('a large file that changed after its put was interrupted is sent anew', async () => {
    const it = await through((connection) => (connection === 0 ? stallAfter(18 * MB) : {}));
    const first = startSluice(it.put);
    await it.arrived('stall');
    first.child.kill('SIGKILL');
    await first.done;
    const changed = bytesFrom(2, 30 * MB);
    writeFileSync(it.film, changed);
    utimesSync(it.film, 1_000_000_000, 1_000_000_000);
    const second = await sluiceInRunner(it.put);
    const stored = jsonLines(second.stdout).find(({ event }) => event === 'stored');
    expect(stored).toMatchObject({ size: 30 * MB });
    expect(stored).not.toHaveProperty('resumedFrom');
    expect(it.stored().equals(changed)).toBe(true);
  });

  test('a large file is sent from the start each time with --no-resume', async () => {
    const it = await through((connection) => (connection === 0 ? resetAfter(20 * MB) : {}));
    const ran = await sluiceInRunner([...it.put, '--no-resume']);
    expect(ran.status).toBe(0);
    expect(it.up[1]).toBeGreaterThan(30 * MB);
    expect(it.stored().equals(it.content)).toBe(true);
  });

  test('a put gives up after --retries tries that achieved nothing, and says what was not confirmed', async () => {
    const it = await through(() => resetAfter(100), 9 * MB);
    const ran = await sluice([...it.put, '--retries', '2']);
    expect(ran.status).toBe(3);
    expect(ran.stderr).toMatch(/: 1 of 1 file was not confirmed\n$/);
    const retries = jsonLines(ran.stdout).filter(({ event }) => event === 'retry');
    expect(retries.map(({ attempt, retries }) => [attempt, retries])).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect(existsSync(join(it.root, 'film'))).toBe(false);
  });
});

test('a folder that is put over several connections that are cut arrives whole', async () => {
  const it = await through((connection) => (connection < 4 ? resetAfter(2 * MB) : {}));
  const names = Array.from({ length: 60 }, (_, i) => `f${i}`);
  const folder = tempFolder();
  for (const [i, name] of names.entries()) writeFileSync(join(folder, name), bytesFrom(i + 10, 100_000 + i));
  const [, , ...rest] = it.put;
  const ran = await sluice(['put', folder, ...rest, '--as', 'all', '--parallel', '3']);
  expect(jsonLines(ran.stdout).at(-1)).toMatchObject({ event: 'summary', files: 60, failed: 0 });
  expect(ran.status).toBe(0);
  for (const [i, name] of names.entries()) {
    expect(readFileSync(join(it.root, 'all', name)).equals(bytesFrom(i + 10, 100_000 + i))).toBe(true);
  }
});

test('a put of a folder that is interrupted says how many files are stored, and that the same command goes on', async () => {
  const it = await through((connection) => (connection === 0 ? stallAfter(18 * MB) : {}));
  writeFileSync(join(it.folder, 'a'), 'A');
  writeFileSync(join(it.folder, 'b'), 'B');
  const [, film, ...rest] = it.put;
  const paths = [join(it.folder, 'a'), join(it.folder, 'b'), film!];
  const first = startSluice(['put', ...paths, ...rest]);
  await it.arrived('stall');
  first.child.kill('SIGINT');
  expect(await first.done).toMatchObject({
    status: 130,
    stderr:
      'sluice: interrupted: 2 of 3 files are stored; the same command goes on, and sends those 2 once more\n' +
      `sluice: ${film}: the same command goes on where it was\n`,
  });
  const second = jsonLines((await sluiceInRunner(['put', ...paths, ...rest])).stdout);
  expect(second.at(-1)).toMatchObject({ event: 'summary', files: 3, failed: 0 });
  expect(it.stored().equals(it.content)).toBe(true);
});

describe('bytes that the network has changed', () => {
  /** Turns over one bit of what the client sends, so far behind its beginning. */
  async function corrupting(port: number, at: number): Promise<string> {
    const server = createServer((client) => {
      const there = connect(port, '127.0.0.1');
      let passed = 0;
      client.on('data', (chunk) => {
        const where = at - passed;
        if (where >= 0 && where < chunk.length) chunk[where]! ^= 1;
        passed += chunk.length;
        there.write(chunk);
      });
      there.pipe(client);
      client.on('end', () => there.end());
      for (const socket of [client, there]) socket.on('error', () => socket.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const address = server.address();
    return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  }

  test.each([
    ['small', 50_000, 30_000],
    ['large', 9 * MB, 5 * MB],
  ])(
    'bytes that the network has changed are never taken for a %s file that was stored, and with --verify sha256 they are not stored either',
    async (_, size, at) => {
      const folder = tempFolder();
      const root = join(folder, 'root');
      const file = join(folder, 'file');
      writeFileSync(file, bytesFrom(3, size));
      const { port, server } = await startServe(root);
      const put = (to: string, ...more: string[]) =>
        sluiceInRunner(['put', file, '--to', to, '--retries', '1', ...more]);
      expect(await put(await corrupting(port, at), '--as', 'unverified')).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('CRC-32'),
      });
      expect(await put(await corrupting(port, at), '--verify', 'sha256')).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('SHA-256'),
      });
      expect(existsSync(join(root, 'file'))).toBe(false);
      expect(await put(server, '--verify', 'sha256')).toMatchObject({ status: 0 });
      expect(readFileSync(join(root, 'file')).equals(readFileSync(file))).toBe(true);
    },
  );
});
