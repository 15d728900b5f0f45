/** `sluice events` of a store of many nodes, whose events are in PostgreSQL. */
import { afterEach, describe, expect, test } from 'vitest';
import { needEngine } from '../../support/engines/engines.ts';
import { converse, putFrame } from '../../support/network/peer.ts';
import { endAll, jsonLines, sluice, startSluice } from '../../support/processes/cli.ts';
import { startNode } from '../../support/stores/crash-places.ts';
import { newSchema, sharedEngines } from '../../support/stores/s3-nodes.ts';

afterEach(endAll);

describe.skipIf(!needEngine('ceph') || !needEngine('postgres'))('the events of a database', () => {
  test('are listed, dropped, replayed and followed by its address, beside a node that delivers them', async () => {
    const engines = await sharedEngines();
    const schema = newSchema();
    const refusing = JSON.stringify(['sh', '-c', 'exit 65']);
    const node = await startNode(engines, ['--postgres-schema', schema, '--events-command', refusing]);
    await converse(node.port, putFrame('a.txt', 'hello'));
    await converse(node.port, putFrame('b.txt', 'x'));
    const address = new URL(engines.postgres.url);
    const { password } = address;
    address.password = '';
    const env = password === '' ? {} : { PGPASSWORD: decodeURIComponent(password) };
    const args = [address.href, '--postgres-schema', schema];
    const events = async (verb: string, ...more: readonly string[]) => {
      const { status, stdout, stderr } = await sluice(['events', verb, ...args, ...more], { env });
      expect([status, stderr]).toEqual([0, '']);
      return stdout;
    };
    await expect
      .poll(() => events('list'), { timeout: 60_000 })
      .toBe('command  delivered through 2, pending 0, dead letters 2\n');
    const all = jsonLines(await events('list', '--all', '--json'));
    expect(all.map(({ sequence, type, name }) => [sequence, type, name])).toEqual([
      [1, 'stored', 'a.txt'],
      [2, 'stored', 'b.txt'],
    ]);
    expect(await events('list', '--sink', 'command', '--dead')).toContain('it exited with 65');
    expect(await events('drop', '--sink', 'command', '--dead')).toBe('command: 2 dead letters dropped\n');
    expect(await events('replay', '--sink', 'command', '--from', '2')).toContain('events from 2 on');
    await expect
      .poll(() => events('list'), { timeout: 60_000 })
      .toBe('command  delivered through 2, pending 0, dead letters 1\n');
    const following = startSluice(['events', 'follow', ...args, '--after', '2', '--json'], { env });
    await converse(node.port, putFrame('c.txt', 'xyz'));
    await following.said(/"name":"c\.txt"/);
  });

  test('need an address without a password, and a schema that is there', async () => {
    const secret = await sluice(['events', 'list', 'postgresql://sluice:s3cret@127.0.0.1/sluice']);
    expect([secret.status, secret.stderr]).toEqual([2, expect.stringContaining('PGPASSWORD')]);
    expect(secret.stderr).not.toContain('s3cret');
    const { postgres } = await sharedEngines();
    const address = new URL(postgres.url);
    const env = { PGPASSWORD: decodeURIComponent(address.password) };
    address.password = '';
    const none = await sluice(['events', 'list', address.href, '--postgres-schema', newSchema()], { env });
    expect([none.status, none.stderr]).toEqual([1, expect.stringContaining('keeps no events')]);
  });
});
