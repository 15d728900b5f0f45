/**
 * Uploads that try again, through a network that cuts, stalls, resets, splits and slows down: all of them finish, and what
 * is stored is what was sent.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastValueFrom, NEVER } from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import { bytesContent } from '../../../src/client/content/content.ts';
import type { UploadsOptions } from '../../../src/client/transfers/upload.ts';
import { createUploads } from '../../../src/client/transfers/uploads.ts';
import { crc32 } from '../../../src/store/crc32.ts';
import { connectTcp } from '../../../src/transport/socket/tcp.ts';
import { type Plan, randomPlans } from '../../support/network/fault-plan.ts';
import { startFaultProxy } from '../../support/network/fault-proxy.ts';
import { endAll, startServe } from '../../support/processes/cli.ts';
import { cases, testSeed } from '../../support/random/cases.ts';
import { between, bytesFrom, randomFrom } from '../../support/random/seeded.ts';
import { temporariesIn } from '../../support/stores/store-roots.ts';
import { walledRoot } from '../../support/stores/walled-root.ts';

afterEach(endAll);

async function served(args: readonly string[] = []) {
  const { root, inside } = walledRoot();
  const { port } = await startServe(root, ['--durability', 'fsync', ...args]);
  return { root, inside, port };
}

type Served = Awaited<ReturnType<typeof served>>;

/**
 * Sends all of them at once through a network of that plan, and compares what is there then with what was sent. Answers
 * what came between, and how many bytes need not have been sent again.
 */
async function sent(
  { root, inside, port }: Served,
  files: ReadonlyMap<string, Buffer>,
  plan: (connection: number) => Plan,
  options: Partial<UploadsOptions> = {},
) {
  const proxy = await startFaultProxy({ target: () => port, plan });
  const happened = { listening: 0, joined: 0, refused: 0, closed: 0, carried: 0, end: 0, reset: 0, stall: 0 };
  proxy.events$.subscribe(({ type }) => {
    happened[type] += 1;
  });
  const uploads = createUploads({
    connect: () => connectTcp({ host: '127.0.0.1', port: proxy.port }),
    resumeThreshold: 200_000,
    progress: 64_000,
    retries: 50,
    backoff: { initial: 2, maximum: 20 },
    ...options,
  });
  try {
    const before = inside();
    const stored = await Promise.all(
      [...files].map(([name, bytes]) => lastValueFrom(uploads.upload(name, () => bytesContent(bytes)))),
    );
    expect(inside().sort()).toEqual([...new Set([...before, ...files.keys()])].sort());
    for (const [i, [name, bytes]] of [...files].entries()) {
      expect(readFileSync(join(root, name)).equals(bytes), name).toBe(true);
      expect(stored[i]).toMatchObject({ type: 'stored', size: bytes.length, crc32: crc32(bytes) });
    }
    await expect.poll(() => temporariesIn(root)).toEqual([]);
    return { happened, resumed: stored.reduce((sum, { resumedFrom }) => sum + resumedFrom, 0) };
  } finally {
    uploads.destroy();
    proxy.close();
  }
}

function someFiles(seed: number, sizes: readonly number[]): ReadonlyMap<string, Buffer> {
  return new Map(sizes.map((size, i) => [`folder-${i % 3}/${i}`, bytesFrom(seed * 100 + i, size)]));
}

describe('all uploads finish, and are what was sent', () => {
  test.each(Array.from({ length: cases(2) }, (_, i) => (testSeed + i) % 1_000_000))(
    'all uploads finish through random faults, seed %i',
    async (seed) => {
      const random = randomFrom(seed);
      const small = Array.from({ length: 40 }, () => Math.floor(50_000 ** random()));
      const large = Array.from({ length: 6 }, () => between(random, 300_000, 2_000_000));
      const plan = randomPlans({ seed, within: 600_000, faithfulFrom: 25 });
      const files = someFiles(seed, [...small, ...large]);
      const { happened, resumed } = await sent(await served(), files, plan, { parallel: 3 });
      // Otherwise nothing was shown.
      expect(happened.end + happened.reset).toBeGreaterThan(4);
      expect(happened.stall).toBeGreaterThan(0);
      expect(resumed).toBeGreaterThan(0);
    },
  );

  test('all uploads finish when one byte comes at a time', async () => {
    const bytewise = { up: { pieces: 'bytes' }, down: { pieces: 'bytes' } } as const;
    await sent(await served(), someFiles(1, [0, 1, 2, 255, 256, 3000, 20_000]), () => bytewise);
  });

  test('all uploads finish over a slow line, longer than the server waits for silence', async () => {
    const slow = { up: { rate: 200_000, pieces: 'random' }, down: { rate: 20_000 } } as const;
    await sent(await served(), someFiles(2, [0, 10, 1000, 100_000, 250_000]), () => slow);
  });

  test.each(['end', 'reset'] as const)(
    'all uploads finish when the first connection is cut by its %s, anywhere',
    async (type) => {
      const server = await served();
      for (const after of [0, 1, 3, 4, 5, 60, 200, 5000, 299_999]) {
        const cut = { up: { faults: [{ after, type }] } };
        const files = someFiles(after, [1000, 300_000, 10]);
        const { happened } = await sent(server, files, (connection) => (connection === 0 ? cut : {}));
        expect(happened[type]).toBe(1);
      }
    },
  );

  test.each(['end', 'reset'] as const)(
    'all uploads finish when answers are cut by the %s of the connection',
    async (type) => {
      const server = await served();
      for (const after of [0, 1, 4, 50, 120]) {
        const cut = { down: { faults: [{ after, type }] } };
        const files = someFiles(after, [1000, 300_000, 10]);
        const { happened } = await sent(server, files, (connection) => (connection < 2 ? cut : {}));
        expect(happened[type]).toBe(2);
      }
    },
  );

  test.each(['up', 'down'] as const)(
    'all uploads finish when a connection falls silent for ever, %s',
    async (way) => {
      const stall = { [way]: { faults: [{ after: 100, type: 'stall', until: NEVER }] } } as const;
      // The server does not see that the client has gone, and must get tired of waiting by itself.
      const server = await served(['--body-timeout', '500ms', '--header-timeout', '500ms']);
      const plan = (connection: number) => (connection === 0 ? stall : {});
      const { happened } = await sent(server, someFiles(5, [1000, 300_000, 10]), plan, { timeout: 1_000 });
      expect(happened.stall).toBe(1);
      expect(happened.joined).toBeGreaterThan(1);
    },
  );

  test('all uploads finish when half of the connections are refused', async () => {
    const plan = (connection: number) => ({ refuse: connection % 2 === 0 });
    const files = someFiles(6, [1000, 300_000, 400_000, 10, 10, 10]);
    const { happened } = await sent(await served(), files, plan, { parallel: 2 });
    expect(happened.refused).toBeGreaterThan(0);
  });
});
