/**
 * One of two nodes of a store over S3 and PostgreSQL is killed at random moments, again and again, while clients upload to
 * both. Every acknowledged file is there, byte for byte; every file is whole; an interrupted upload goes on where the
 * servers say; and nothing is left of what was killed once it was swept.
 */
import pg from 'pg';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { needEngine } from '../../support/engines/engines.ts';
import { endAll } from '../../support/processes/cli.ts';
import { cases, testSeed } from '../../support/random/cases.ts';
import { randomFrom } from '../../support/random/seeded.ts';
import { libraryClient, plainClient, resumingClient } from '../../support/stores/crash-clients.ts';
import { crashNodes, startNode } from '../../support/stores/crash-places.ts';
import { createCrashRun, killWhileSending } from '../../support/stores/crash-run.ts';
import { directBucket, type Engines, openNode, sharedEngines } from '../../support/stores/s3-nodes.ts';

afterEach(endAll);

const KILLS = Math.min(100, cases(2));

describe.skipIf(!needEngine('ceph') || !needEngine('postgres'))('two nodes', () => {
  test('of which one is killed again and again keep every acknowledged file', async () => {
    const engines = await sharedEngines();
    const companion = await startNode(engines);
    const upkeep = { graceMs: 0, orphanMs: 0, everyMs: 3_600_000, heartbeatMs: 50 };
    const seen = await openNode(engines, 'sluice', { upkeep });
    onTestFinished(() => seen.close());
    const random = randomFrom(testSeed);
    const run = createCrashRun(crashNodes(engines, companion.port, seen), random);
    const clients = [plainClient(run, 1), plainClient(run, 2), resumingClient(run, 3), libraryClient(run, 4)];
    await killWhileSending(run, clients, KILLS);
    companion.child.kill('SIGTERM');
    expect((await companion.done).status).toBe(0);
    expect(run.counts.kills).toBe(KILLS);
    expect(run.counts.broken).toBeGreaterThan(0);
    expect(run.counts.stored).toBeGreaterThan(5 * KILLS);

    // The nodes that were killed are taken for gone at once, rather than within a minute.
    const client = new pg.Client(engines.postgres.url);
    await client.connect();
    onTestFinished(() => client.end());
    await client.query('delete from sluice.nodes');
    await expect.poll(async () => (await client.query('select * from sluice.nodes')).rows.length).toBe(1);
    // Uploads that were given up are kept, and are nobody's garbage.
    await client.query("update sluice.uploads set touched = '-infinity'");
    await expect
      .poll(async () => {
        await seen.upkeep();
        return seen.engines().garbage;
      })
      .toBe(0);
    await seen.sweep();
    const { rows } = await client.query("select object from sluice.segments where object <> '' order by 1");
    expect(await objectsIn(engines)).toEqual(rows.map(({ object }) => object));
    const named = await client.query(
      'select count(*) from sluice.segments s join sluice.files f using (file_id)',
    );
    expect(Number(named.rows[0].count)).toBeGreaterThanOrEqual(rows.length);
    expect((await client.query('select * from sluice.uploads')).rows).toEqual([]);
  }, 600_000);
});

async function objectsIn(engines: Engines): Promise<string[]> {
  const direct = directBucket(engines);
  const names: string[] = [];
  for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
    const page = await direct.list('', token);
    names.push(...page.objects.map(({ name }) => name));
    token = page.next;
  }
  direct.close();
  return names.sort();
}
