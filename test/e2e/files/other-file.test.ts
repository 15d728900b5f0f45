/** `sluice get` of a file that becomes another one while it is fetched, and `sluice put` that is not to try again. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filter, firstValueFrom, scan } from 'rxjs';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Plan, type RunningProxy, startFaultProxy } from '../../support/network/fault-proxy.ts';
import {
  endAll,
  jsonLines,
  sluice,
  sluiceInRunner,
  startServe,
  startSluice,
} from '../../support/processes/cli.ts';
import { tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

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
    expect((await sluiceInRunner(['put', path, '--to', state.serving.server])).status).toBe(0);
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

describe('a server that is killed', () => {
  test('a server that was killed is tried once with --retries 0, which fails at once, with status 3', async () => {
    const { path, state, server } = await world(0);
    state.serving.child.kill('SIGKILL');
    await state.serving.done;
    const ran = await sluice(['put', path, '--to', server, '--retries', '0', '--json']);
    expect(ran.status).toBe(3);
    expect(jsonLines(ran.stdout).map(({ event }) => event)).toEqual(['expect', 'summary']);
    expect(ran.stderr).toContain('1 of 1 file was not confirmed');
  });

  test.each([
    ['larger', 40_000_000],
    ['smaller', 9_000_000],
    ['small', 1000],
  ])(
    'get fetches the other file, a %s one, that a server has under the name after it was killed',
    async (_, then) => {
      const { folder, root, state, proxy, server } = await world(2, true);
      const out = join(folder, 'out');
      writeTree(out, {});
      // Starting the server takes its time on a busy machine.
      const args = ['--from', server, '--out', `${out}/`, '--json', '--retries', '20'];
      const get = startSluice(['get', 'film', ...args]);
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
    },
  );
});
