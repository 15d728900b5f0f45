// A node of a store over Ceph's S3 gateway and PostgreSQL, beside rclone, which sends to the same gateway. All is on this
// machine, and Ceph keeps its objects in memory: most of the processor's time is Ceph's.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { send } from './clients/programs.mjs';
import { ownBuild } from './support/build.mjs';
import { makeFiles } from './support/files.mjs';
import { installed } from './support/install.mjs';
import { launchListening } from './support/peers.mjs';
import { measured } from './support/process-facts.mjs';
import { runProgram } from './support/run-program.mjs';
import { shownBytes } from './support/table.mjs';
import { removeAtExit } from './support/tidy.mjs';
import { compareTransfers, largeSize, ratesBeside, transferContest } from './support/transfers.mjs';

const SMALL_FILES = 1000;
const SMALL_SIZE = 10_240;
/** Ceph has 4 GiB of memory, and what is replaced stays there for a while. */
const BIG_MOST = 2 ** 28;

const script = (name) => fileURLToPath(new URL(`../support/engines/${name}.sh`, import.meta.url));

/** Starts both engines; answers where they are, and what ends them. Undefined, and said why, when they cannot be had. */
function startEngines() {
  const names = ['postgres', 'ceph'];
  const { status, stderr } = spawnSync(script('install'), names, { encoding: 'utf8' });
  if (status !== 0) {
    console.log(`s3: left out, ${stderr.trim()}`);
    return undefined;
  }
  // PostgreSQL's own user must get to its folder.
  const dir = removeAtExit(mkdtempSync(join(tmpdir(), 'sluice-bench-')));
  chmodSync(dir, 0o711);
  const facts = names.map((name) => {
    const folder = join(dir, name);
    execFileSync(script(name), ['up', folder], {
      env: { ...process.env, ENGINE_OWNER: String(process.pid) },
    });
    return JSON.parse(readFileSync(join(folder, 'facts.json'), 'utf8'));
  });
  return {
    postgres: facts[0],
    s3: facts[1],
    stop() {
      for (const name of names) execFileSync(script(name), ['down', join(dir, name)]);
    },
  };
}

let stores = 0;

/** A node of a store of its own. */
async function startNode({ postgres, s3 }, dir, build) {
  process.env.AWS_ACCESS_KEY_ID = s3.accessKey;
  process.env.AWS_SECRET_ACCESS_KEY = s3.secretKey;
  const schema = `bench_${process.pid}_${stores++}`;
  const where = ['--store', `s3://${s3.bucket}`, '--s3-endpoint', s3.endpoint, '--postgres', postgres.url];
  const more = ['--postgres-schema', schema, '--port', '0', '--log-level', 'warn'];
  return await launchListening('sluice', [build.main, 'serve', ...where, ...more], dir);
}

/** How rclone is called. By default it asks of each object whether it is there: it need not, to a new folder. */
function rclone({ s3 }, dir) {
  const config = join(dir, 'rclone.conf');
  const keys = `access_key_id = ${s3.accessKey}\nsecret_access_key = ${s3.secretKey}\nendpoint = ${s3.endpoint}`;
  writeFileSync(config, `[gateway]\ntype = s3\nprovider = Ceph\n${keys}\n`);
  // It cannot do with certificates of one's own, and needs none here.
  delete process.env.AWS_CA_BUNDLE;
  const options = ['--quiet', '--config', config, '--cache-dir', dir, '--no-check-dest'];
  return (files, to, transfers) => [
    'rclone',
    ...[...options, '--transfers', String(transfers)],
    ...['copy', files.dir, `gateway:${s3.bucket}/rclone/${to}`],
  ];
}

const nodeTurn = (node, files, window) => measured(node.pid, () => send('wire', node.port, window, files));

export function contests() {
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  const engines = startEngines();
  if (engines === undefined) return [];
  process.once('exit', engines.stop);
  const big = makeFiles(join(scratch, 'big'), 1, largeSize(BIG_MOST));
  const small = makeFiles(join(scratch, 'small'), SMALL_FILES, SMALL_SIZE);
  const contest = (name, files, window) =>
    transferContest(`s3, ${name}`, files, async (build) => {
      const node = await startNode(engines, removeAtExit(mkdtempSync(join(scratch, 'node-'))), build);
      return { close: node.stop, turn: () => nodeTurn(node, files, window) };
    });
  return [contest('one large file', big, 1), contest('1,000 files of 10 KiB', small, 64)];
}

export async function run() {
  const scratch = removeAtExit(mkdtempSync('/dev/shm/sluice-bench-'));
  const engines = startEngines();
  if (engines === undefined) return [];
  const node = await startNode(engines, scratch, ownBuild);
  const peers = [{ name: 'Sluice', turn: (files, window) => nodeTurn(node, files, window) }];
  if (installed('rclone')) {
    mkdirSync(join(scratch, 'rclone'));
    const command = rclone(engines, join(scratch, 'rclone'));
    let turns = 0;
    peers.push({
      name: 'rclone',
      async turn(files, window) {
        const { seconds, cpu, memory } = await runProgram(command(files, turns++, window), []);
        return { seconds, cpu, memory };
      },
    });
  }
  const compare = (title, files, window) =>
    compareTransfers(title, peers, files, (peer) => peer.turn(files, window));
  try {
    const big = makeFiles(join(scratch, 'big'), 1, Math.min(BIG_MOST, largeSize()));
    const small = makeFiles(join(scratch, 'small'), SMALL_FILES, SMALL_SIZE);
    const one = await compare(`One file of ${shownBytes(big.size)} to an S3 gateway`, big, 1);
    const many = await compare('1,000 files of 10 KiB to an S3 gateway, 64 at a time', small, 64);
    console.log('rclone is a whole process, its start included');
    return [
      ...ratesBeside('a put to S3', one, { rclone: { atLeast: 0.8 } }),
      ...ratesBeside('10 KiB files to S3', many, { rclone: { atLeast: 3 } }),
    ];
  } finally {
    await node.stop();
    engines.stop();
  }
}
