/** `sluice serve` with a command and a webhook for events, and `sluice events` beside it and without it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { needEngine, startNats } from '../../support/engines/engines.ts';
import { converse, frame, putFrame } from '../../support/network/peer.ts';
import { endAll, jsonLines, sluice, startServe, startSluice } from '../../support/processes/cli.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

/** A webhook that answers what a test says, and the ids that it got. */
async function webhook(answer: () => number) {
  const ids: string[] = [];
  const server = createServer((request, response) => {
    ids.push(String(request.headers['webhook-id']));
    request.resume().on('end', () => response.writeHead(answer()).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { ids, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

const events = async (...args: readonly string[]) => {
  const { status, stdout, stderr } = await sluice(['events', ...args]);
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
};

test('a command gets an event of each change, and the log says that it was delivered', async () => {
  const root = tempFolder();
  const file = join(tempFolder(), 'events');
  const command = JSON.stringify(['sh', '-c', 'cat >> "$1"', 'sh', file]);
  const { port, child, done } = await startServe(root, ['--events-command', command]);
  await converse(
    port,
    putFrame('a.txt', 'hello'),
    frame({ cmd: 'rename', filename: 'a.txt', to: 'b.txt' }),
    frame({ cmd: 'delete', filename: 'b.txt' }),
  );
  await expect.poll(() => events('list', root)).toContain('command  delivered through 3, pending 0');
  expect(jsonLines(readFileSync(file, 'utf8')).map(({ type, subject }) => `${type} ${subject}`)).toEqual([
    ...['sluice.file.stored a.txt', 'sluice.file.renamed b.txt', 'sluice.file.removed b.txt'],
  ]);
  child.kill('SIGTERM');
  expect(await done).toMatchObject({ status: 0 });
  // The folder itself says the same.
  expect(await events('list', root)).toContain('command  delivered through 3, pending 0');
  const all = jsonLines(await events('list', root, '--all', '--json'));
  expect(all.map(({ sequence, type, name }) => [sequence, type, name])).toEqual([
    [1, 'stored', 'a.txt'],
    [2, 'renamed', 'b.txt'],
    [3, 'removed', 'b.txt'],
  ]);
});

test('events are listed, followed, replayed and dropped beside a server that runs', async () => {
  const root = tempFolder();
  let status = 404;
  const { ids, url } = await webhook(() => status);
  const secret = join(tempFolder(), 'secret');
  writeFileSync(secret, `whsec_${Buffer.alloc(32, 7).toString('base64')}\n`);
  const server = await startServe(root, ['--events-webhook', url, '--events-secret-file', secret]);
  const { port } = server;
  const following = startSluice(['events', 'follow', root, '--after', '0', '--json']);
  await converse(port, putFrame('a', '1'));
  await following.said(/"name":"a"/);
  await expect.poll(() => events('list', root)).toContain('pending 0, dead letters 1');
  expect(await events('list', root, '--sink', 'webhook', '--dead')).toContain('it answered 404');
  for (const command of ['replay', 'drop'])
    expect(await events(command, root, '--sink', 'webhook', '--dead', '--dry-run')).toContain(
      '1 dead letter would be',
    );
  expect(await events('drop', root, '--sink', 'webhook', '--dead', 'none', '--dry-run')).toContain('0 dead');
  expect(await events('list', root)).toContain('dead letters 1');
  status = 200;
  expect(await events('replay', root, '--sink', 'webhook', '--dead')).toContain('1 dead letter');
  await expect.poll(() => events('list', root)).toContain('dead letters 0');
  await events('replay', root, '--sink', 'webhook', '--from', '1');
  await expect.poll(() => ids.length).toBe(3);
  expect(new Set(ids).size).toBe(1);
  status = 503;
  await converse(port, putFrame('b', '1'), putFrame('c', '1'));
  await expect.poll(() => events('list', root, '--sink', 'webhook')).toMatch(/stored .* b\n.*stored .* c\n/);
  const drop = ['drop', root, '--sink', 'webhook', '--through', '2'];
  expect(await events(...drop, '--dry-run')).toBe('webhook: 1 event would be dropped\n');
  expect(await events('list', root, '--sink', 'webhook')).toContain(' b\n');
  expect(await events(...drop)).toBe('webhook: 1 event dropped\n');
  expect(await events('list', root, '--sink', 'webhook')).not.toContain(' b\n');
  server.child.kill('SIGTERM');
  expect(await following.done).toMatchObject({
    status: 3,
    stderr: `sluice: the server that had ${root} open has ended\n`,
  });
  await server.done;
});

describe.skipIf(!needEngine('nats'))('with NATS', () => {
  test('a stream gets an event of each change, by credentials of the environment', async () => {
    const nats = await startNats('--auth', 's3cret');
    onTestFinished(nats.stop);
    const stream = await connect({ servers: nats.facts.url, token: 's3cret' });
    onTestFinished(() => stream.close());
    const root = tempFolder();
    const flags = ['--events-nats', nats.facts.url, '--events-nats-subject', 'files.changed'];
    const { port, said } = await startServe(root, flags, { env: { NATS_TOKEN: 's3cret' } });
    await converse(port, putFrame('a.txt', 'hello'));
    await said(/nats: event \S+ \(stored a\.txt\) was not delivered: no stream takes files\.changed/);
    await stream.request('$JS.API.STREAM.CREATE.FILES', '{"name":"FILES","subjects":["files.>"]}');
    await expect.poll(() => events('list', root)).toContain('nats  delivered through 1, pending 0');
  });
});

test('what cannot be asked of events is said', async () => {
  const root = tempFolder();
  expect(await sluice(['events', 'list', root])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('no events are kept for this folder'),
  });
  expect(existsSync(join(root, '.sluice'))).toBe(false);
  const { child, done } = await startServe(root, ['--events-command', 'true']);
  expect(await sluice(['events', 'drop', root, '--sink', 'webhook', '--through', '1'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('there is command'),
  });
  const second = await sluice(['serve', root, '--port', '0', '--events-command', 'true']);
  expect(second).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('another process has the events'),
  });
  child.kill('SIGTERM');
  await done;
  expect(await sluice(['events', 'follow', root])).toMatchObject({ status: 1 });
  expect((await sluice(['events', 'replay', root, '--sink', 'command'])).status).toBe(2);
});

test('settings of events that make no sense are refused', async () => {
  const { status, stderr } = await sluice(['serve', tempFolder(), '--events-secret-file', 'secret']);
  expect(status).toBe(2);
  expect(stderr).toContain('--events-secret-file needs --events-webhook as well');
  const shell = await sluice(['serve', tempFolder(), '--events-command', 'notify now']);
  expect([shell.status, shell.stderr]).toEqual([2, expect.stringContaining('a list in JSON')]);
});
