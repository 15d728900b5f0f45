/** `sluice copy` as a program: between folders, to a bucket and back, interrupted, and with wrong arguments. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { namesIn } from '../../../src/store/conformance/case.ts';
import { needEngine } from '../../support/engines/engines.ts';
import { endAll, jsonLines, sluice, sluiceInRunner, startSluice } from '../../support/processes/cli.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { newSchema, openNode, sharedEngines } from '../../support/stores/s3-nodes.ts';
import { readStored, tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const MiB = 1024 * 1024;
const tree = {
  'a.txt': 'a',
  empty: '',
  'photos/ä 1.jpg': bytesFrom(1, 100_000),
  'photos/2026/b.jpg': bytesFrom(2, 300_000),
  film: bytesFrom(3, 9 * MiB),
};
const names = Object.keys(tree);

/** A folder with files, whose times are not those of now, and another one that there is not. */
function places() {
  const folder = tempFolder();
  const from = join(folder, 'from');
  writeTree(from, tree);
  for (const [i, name] of names.entries()) utimesSync(join(from, name), 1_000_000 + i, 1_000_000.125 + i);
  return { folder, from, to: join(folder, 'to') };
}

const timesOf = (root: string) => names.map((name) => statSync(join(root, name)).mtimeMs);

describe('from a folder to another', () => {
  test('a copy of a folder has the same names, bytes and times, and a second one has nothing to do', async () => {
    const { from, to } = places();
    const first = await sluiceInRunner(['copy', from, to]);
    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(first.stdout).toMatch(/^copied film \(9\.0 MiB\)$/m);
    expect(first.stdout).toMatch(/^5 files, 9\.4 MiB in /m);
    expect(readStored(to)).toEqual(readStored(from));
    expect(timesOf(to)).toEqual(timesOf(from));
    const second = await sluiceInRunner(['copy', from, to, '--json']);
    expect(jsonLines(second.stdout)).toEqual([
      {
        ...{ event: 'summary', files: 0, bytes: 0, transferred: 0, failed: 0, unchanged: 5 },
        seconds: expect.any(Number),
      },
    ]);
  });

  test('a dry run says what would be copied, and makes no folder', async () => {
    const { folder, from, to } = places();
    const ran = await sluiceInRunner(['copy', from, to, '--dry-run', '--prefix', 'photos/']);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toBe(
      'would copy photos/2026/b.jpg (293 KiB)\nwould copy photos/ä 1.jpg (97.7 KiB)\n' +
        'would copy 2 files, 391 KiB; 0 files unchanged\n',
    );
    expect(readdirSync(folder)).toEqual(['from']);
  });

  test('a dry run compares with what is there, and replaces nothing', async () => {
    const { from, to } = places();
    await sluiceInRunner(['copy', from, to, '--quiet']);
    writeFileSync(join(from, 'a.txt'), 'other');
    const before = readStored(to);
    const ran = await sluiceInRunner(['copy', from, to, '--dry-run', '--json']);
    expect(jsonLines(ran.stdout)).toEqual([
      { event: 'would-copy', filename: 'a.txt', size: 5 },
      { event: 'summary', files: 1, bytes: 5, unchanged: 4 },
    ]);
    expect(readStored(to)).toEqual(before);
  });

  test('a file that cannot be copied is told on stderr, and the others are copied', async () => {
    const { from, to } = places();
    mkdirSync(join(to, 'a.txt'), { recursive: true });
    writeFileSync(join(to, 'a.txt', 'below'), '');
    const ran = await sluiceInRunner(['copy', from, to]);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(/^sluice: a\.txt: a file and a folder cannot have the same name/);
    expect(ran.stdout).toMatch(/^4 files, .*, 1 failed$/m);
  });

  test('an interrupted copy ends in good order, and the same command goes on', async () => {
    const { from, to } = places();
    // Long enough to be under way when the signal comes.
    const size = 256 * MiB;
    writeFileSync(join(from, 'long'), '');
    truncateSync(join(from, 'long'), size);
    const command = ['copy', from, to, '--prefix', 'long', '--json'];
    const running = startSluice(command);
    await running.said(/"expect"/);
    running.child.kill('SIGINT');
    const first = await running.done;
    expect(first.status).toBe(130);
    expect(first.stderr).toContain('interrupted: 0 files are copied; the same command goes on\n');
    expect(existsSync(join(to, 'long'))).toBe(false);
    const second = await sluice(command);
    expect(second.status).toBe(0);
    expect(statSync(join(to, 'long')).size).toBe(size);
    expect(readStored(join(to, '.sluice', 'tmp'))).toEqual({});
  });
});

describe.skipIf(!needEngine('ceph') || !needEngine('postgres'))('to a bucket', () => {
  test('a folder that is copied to a bucket and back is the same', async () => {
    const { from, to } = places();
    const engines = await sharedEngines();
    const { s3, postgres } = engines;
    const schema = newSchema();
    const env = {
      AWS_ACCESS_KEY_ID: s3.accessKey,
      AWS_SECRET_ACCESS_KEY: s3.secretKey,
      SLUICE_POSTGRES: postgres.url,
    };
    const bucket = `s3://${s3.bucket}`;
    const engine = ['--s3-endpoint', s3.endpoint, '--postgres-schema', schema];
    const there = await sluice(['copy', from, bucket, ...engine], { env });
    expect(there).toMatchObject({ status: 0, stderr: '' });
    const node = await openNode(engines, schema);
    expect((await namesIn(node)).toSorted()).toEqual(names.toSorted());
    await node.close();
    const again = await sluice(['copy', from, bucket, ...engine], { env });
    expect(again.stdout).toMatch(/^0 files, .*, 5 files unchanged$/m);
    const back = await sluice(['copy', bucket, to, ...engine], { env });
    expect(back).toMatchObject({ status: 0, stderr: '' });
    expect(readStored(to)).toEqual(readStored(from));
    expect(timesOf(to)).toEqual(timesOf(from));
  }, 60_000);
});

describe('a wrong command line', () => {
  const database = ['--postgres', 'postgresql://sluice@127.0.0.1/sluice'];
  const cases: readonly (readonly [string, readonly string[], string])[] = [
    ['the same folder twice', ['x', './x'], 'FROM and TO are the same folder'],
    ['a folder in the other', ['x', 'x/y'], 'neither FROM nor TO may lie in the other'],
    ['two buckets', ['s3://one', 's3://two', ...database], 'FROM and TO are both buckets'],
    ['a wrong bucket', ['x', 's3://'], 'TO must be a folder, s3://BUCKET or s3://BUCKET/PREFIX, not "s3://"'],
    ['a bucket without a database', ['x', 's3://one'], 's3://one needs --postgres, or SLUICE_POSTGRES'],
    ['a database without a bucket', ['x', 'y', ...database], '--postgres is for s3://BUCKET'],
    [
      'a password that all can see',
      ['x', 's3://one', '--postgres', 'postgresql://sluice:secret@127.0.0.1/sluice'],
      '--postgres must be without a password',
    ],
    [
      'the durability of a bucket',
      ['x', 's3://one', '--durability', 'os', ...database],
      '--durability is for a',
    ],
    ['a wrong durability', ['x', 'y', '--durability', 'never'], '--durability must be fsync or os'],
    ['no place to go to', ['x'], "missing required argument 'TO'"],
    ['too many files at once', ['x', 'y', '--parallel', '257'], 'It must be a whole number from 1 to 256'],
  ];
  test.each(cases)('a copy is refused for %s, and makes nothing', async (_, args, message) => {
    const cwd = tempFolder();
    mkdirSync(join(cwd, 'x'));
    const ran = await sluiceInRunner(['copy', ...args], { cwd });
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toContain(message);
    expect(ran.stderr).not.toContain('secret');
    expect(readdirSync(cwd)).toEqual(['x']);
  });

  test('a source that there is not is a failure, and the target is not made', async () => {
    const cwd = tempFolder();
    const ran = await sluiceInRunner(['copy', 'x', 'y'], { cwd });
    expect(ran).toMatchObject({ status: 1, stdout: '', stderr: 'sluice: x: there is no such folder\n' });
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('the variables of a server that uses a bucket do not matter to a copy between folders', async () => {
    const { from, to } = places();
    const env = { SLUICE_STORE: 's3://one', SLUICE_POSTGRES: 'nonsense', SLUICE_PORT: 'nonsense' };
    expect(await sluiceInRunner(['copy', from, to], { env })).toMatchObject({ status: 0, stderr: '' });
  });
});
