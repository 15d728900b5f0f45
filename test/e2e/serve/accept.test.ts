/** `sluice serve` with a program, and with a webhook, that decides about new files. */

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { endAll, sluice, startServe } from '../../support/processes/cli.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

/** A folder with these files. */
function filesOf(files: Readonly<Record<string, string>>): string {
  const folder = tempFolder();
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

const SCANNER = 'if grep -q EVIL "$1"; then echo "$1: EVIL was found"; exit 1; fi';

test('a program looks at each file before it is stored: one that it refuses is not there, and put says why', async () => {
  const root = tempFolder();
  const command = JSON.stringify(['sh', '-c', SCANNER, 'sh', '{}']);
  const { port } = await startServe(root, ['--accept-command', command]);
  const folder = filesOf({ 'good.txt': 'fine', 'bad.txt': 'it is EVIL', 'large.txt': 'x'.repeat(300_000) });
  const put = await sluice(['put', folder, '--as', 'in', '--to', `127.0.0.1:${port}`]);
  expect(put.status).toBe(1);
  expect(put.stderr).toContain('the server does not take this file: in/bad.txt: EVIL was found');
  expect(put.stderr).not.toContain('.sluice');
  const listed = await sluice(['ls', '--from', `127.0.0.1:${port}`]);
  expect(listed.stdout).toContain('in/good.txt');
  expect(listed.stdout).toContain('in/large.txt');
  expect(listed.stdout).not.toContain('in/bad.txt');
});

test('a webhook decides, and while it does not answer, files are refused for now and tried again', async () => {
  let failures = 1;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (failures-- > 0) response.writeHead(503).end();
      else response.writeHead(200).end('{"accept":true}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const { port, said } = await startServe(tempFolder(), ['--accept-webhook', url]);
  const folder = filesOf({ 'a.txt': 'content' });
  const put = await sluice(['put', join(folder, 'a.txt'), '--to', `127.0.0.1:${port}`]);
  expect(put.status).toBe(0);
  await said(/nobody has decided about a\.txt, and it was refused for now: it answered 503/);
});

test('a store of many nodes has no path to give to a program, and one hook decides', async () => {
  const s3 = await sluice([
    ...['serve', '--store', 's3://bucket', '--postgres', 'postgresql://h/d'],
    ...['--accept-command', '["scan","{}"]'],
  ]);
  expect([s3.status, s3.stderr]).toEqual([2, expect.stringContaining('--accept-command has {}')]);
  const two = await sluice(['serve', '--accept-command', 'scan', '--accept-webhook', 'http://a.example']);
  expect([two.status, two.stderr]).toEqual([2, expect.stringContaining('one decides')]);
});
