import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { concat, NEVER, of } from 'rxjs';
import { expect, test } from 'vitest';
import { planPut } from '../../src/cli/put-plan.ts';
import type { Report } from '../../src/cli/report.ts';
import { sendPlain } from '../../src/cli/send-plain.ts';
import { upload } from '../../src/cli/upload.ts';
import { serve } from '../../src/server/serve.ts';
import { memoryStore } from '../../src/store/memory-store.ts';
import { memoryPair } from '../../src/transport/memory-pair.ts';
import { tempFolder, writeTree } from '../support/temp-folder.ts';

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
    expect: () => {},
    progress: ({ path, filename }) => {
      if (filename !== 't/b' || changed) return;
      changed = true;
      appendFileSync(path, 'more');
    },
    done: () => {},
    retry: () => {},
    failed: ({ filename }, { message }) => {
      failed[filename] = message;
    },
    warn: () => {},
    abandon: () => {},
    end: () => {},
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
  ['without', sendPlain],
])('a file that changes while it is sent is told, not stored, and the others are: %s', async (_, send) => {
  const { files, world: it, stored, failed, connections } = world();
  const sent = await send(files, it);
  expect(failed).toEqual({ 't/b': 'it changed while it was being sent' });
  expect(sent).toEqual({ files: 3, bytes: 3_000_002, failed: 1, lost: null });
  expect(connections()).toBe(2);
  expect(stored()).toEqual({ 't/a': 1, 't/c': 3_000_000, 't/d': 1 });
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
  expect(sent).toMatchObject({ files: 0, failed: 0, lost: { files: 4 } });
});
