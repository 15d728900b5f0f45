import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { concat, NEVER, of } from 'rxjs';
import { expect, test } from 'vitest';
import { planPut } from '../../../src/cli/transfer/put-plan.ts';
import type { Report } from '../../../src/cli/transfer/report/report.ts';
import { sendUnacknowledged } from '../../../src/cli/transfer/send-unacknowledged.ts';
import { upload } from '../../../src/cli/transfer/upload.ts';
import { serve } from '../../../src/server/serve.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { cuttingLink } from '../../support/network/cutting-link.ts';
import { tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

const nothing: Report = {
  expect: () => {},
  resumed: () => {},
  progress: () => {},
  done: () => {},
  retry: () => {},
  failed: () => {},
  warn: () => {},
  abandon: () => {},
  end: () => {},
};

/** Files, a server in memory for each connection that is made, and what was reported. */
function world() {
  const folder = join(tempFolder(), 't');
  const big = (byte: number) => new Uint8Array(3_000_000).fill(byte);
  writeTree(folder, { a: 'A', b: big(1), c: big(2), d: 'D' });
  const store = memoryStore();
  let connections = 0;
  const failed: Record<string, string> = {};
  let changed = false;
  const report: Report = {
    ...nothing,
    progress: ({ path, filename }) => {
      if (filename !== 't/b' || changed) return;
      changed = true;
      appendFileSync(path, 'more');
    },
    failed: ({ filename }, { message }) => {
      failed[filename] = message;
    },
  };
  const connect = () => {
    connections++;
    const [here, there] = memoryPair();
    const connections$ = concat(of({ type: 'connection', connection: there } as const), NEVER);
    serve({ connections$, store, limits: { linger: 100 } }).subscribe();
    return of(here);
  };
  return {
    files: planPut([folder], undefined).files,
    world: { connect, report, settings: {} },
    stored: () => Object.fromEntries([...store.contents].map(([name, { bytes }]) => [name, bytes.length])),
    failed,
    connections: () => connections,
  };
}

test.each([
  ['with acks', upload],
  ['without', sendUnacknowledged],
])(
  'a file that changes while it is sent is reported and not stored, and the others are stored: %s',
  async (_, send) => {
    const { files, world: it, stored, failed, connections } = world();
    const sent = await send(files, it);
    expect(failed).toEqual({ 't/b': 'it changed while it was being sent' });
    expect(sent).toEqual({
      files: 3,
      bytes: 3_000_002,
      transferred: 3_000_002,
      failed: 1,
      existing: 0,
      givenUp: null,
    });
    expect(connections()).toBe(2);
    expect(stored()).toEqual({ 't/a': 1, 't/c': 3_000_000, 't/d': 1 });
  },
);

test('the report says where a file goes on that an earlier run has sent in part, and the result what was sent', async () => {
  const folder = tempFolder();
  const size = 20_000_000;
  writeTree(folder, { film: new Uint8Array(size).fill(7), small: 'S' });
  const { files } = planPut([join(folder, 'film'), join(folder, 'small')], undefined);
  const link = cuttingLink({ cuts: [15_000_000] });
  const told: string[] = [];
  let before = 0;
  const report: Report = {
    ...nothing,
    resumed: ({ filename }, from) => told.push(`${filename} from ${from}`),
    done: ({ filename }, _, done) => {
      told.push(`${filename} done`);
      if (filename === 'film') ({ before } = done);
    },
  };
  const sending = { connect: link.connect, report, settings: {} };
  // The first run breaks off, and is not tried again.
  expect(await upload(files.slice(0, 1), { ...sending, retries: 0 })).toMatchObject({ files: 0, bytes: 0 });
  expect(told).toEqual(['film from 0']);
  told.length = 0;
  const sent = await upload(files, sending);
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThanOrEqual(15_000_000);
  expect(told.toSorted()).toEqual(['film done', `film from ${before}`, 'small done', 'small from 0']);
  expect(sent).toEqual({
    files: 2,
    bytes: size + 1,
    transferred: size + 1 - before,
    failed: 0,
    existing: 0,
    givenUp: null,
  });
});

test('bytes that a run sends again over another connection do not count as there before', async () => {
  const folder = tempFolder();
  const size = 20_000_000;
  writeTree(folder, { film: new Uint8Array(size).fill(7) });
  const { connect } = cuttingLink({ cuts: [15_000_000] });
  const from: number[] = [];
  const report: Report = { ...nothing, resumed: (_, bytes) => from.push(bytes) };
  const { files } = planPut([join(folder, 'film')], undefined);
  const sent = await upload(files, { connect, report, settings: {} });
  expect(from).toEqual([0, expect.any(Number)]);
  expect(from[1]).toBeGreaterThan(0);
  expect(sent).toMatchObject({ bytes: size, transferred: size });
});

test('a server that drops every connection is not tried for ever', async () => {
  const { files, world: it } = world();
  let tries = 0;
  const connect = () => {
    tries++;
    const [here, there] = memoryPair();
    there.destroy();
    return of(here);
  };
  const sent = await upload(files, { ...it, connect, retries: 2 });
  expect(tries).toBe(3);
  expect(sent).toMatchObject({ files: 0, failed: 0, givenUp: { files: 4 } });
});
