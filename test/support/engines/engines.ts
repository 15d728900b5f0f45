/**
 * PostgreSQL, Ceph's S3 gateway, Swift with s3api and NATS, started for tests: one of a test's own, to which it may do
 * anything, or the one that all test files of a run share.
 *
 * @example
 * describe.skipIf(!needEngine('postgres'))('the bookkeeping', () => {
 *   test('survives a killed database', async () => {
 *     const postgres = await startPostgres({ max_connections: 5 });
 *     …
 *     await postgres.kill();
 *     await postgres.restart();
 *   });
 * });
 */
import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeBucket } from './s3-requests.mjs';

export type EngineName = 'postgres' | 'ceph' | 'swift' | 'nats';

export interface PostgresFacts {
  /** With user and database, and no password. */
  readonly url: string;
  readonly port: number;
  /** The folder of its programs, `psql` among them. */
  readonly bin: string;
}

export interface S3Facts {
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
}

export interface NatsFacts {
  readonly url: string;
  readonly port: number;
}

/** An engine of a test's own. What is done to it is done to the gateway, or to PostgreSQL with all its backends. */
export interface Engine<Facts> {
  readonly facts: Facts;
  /** Everything of it is here, `log/` too, until it is stopped. */
  readonly folder: string;
  /** SIGKILL. Nothing that was acknowledged is lost. */
  kill(): Promise<void>;
  /** Starts it again, on the same port; a gateway that runs is killed, PostgreSQL is shut down in good order. */
  restart(): Promise<void>;
  /** SIGSTOP: connections are accepted by the system, and nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends it, and removes what it kept. */
  stop(): Promise<void>;
}

const script = (name: string): string => fileURLToPath(new URL(`./${name}.sh`, import.meta.url));

/**
 * Whether tests that need this engine can run: its packages are there, or could be installed. Never false in CI.
 *
 * @throws Error in CI, when it is missing.
 */
export function needEngine(name: EngineName): boolean {
  const { status, stderr } = spawnSync(script('install'), [name], {
    encoding: 'utf8',
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  if (status === 0) return true;
  if (process.env.CI) throw new Error(`${name}, and CI skips nothing: ${stderr}`);
  console.warn(`Skipped, for there is no ${name}: ${stderr.trim()}`);
  return false;
}

const run = promisify(execFile);

/** Runs one of an engine's commands. What the engine has said is in the error when it fails. */
const control = async (name: EngineName, ...args: string[]): Promise<void> => {
  await run(script(name), args, { timeout: 170_000 });
};

/** The folder of all engines of this run: it is ended with the run by `end-engines.ts`. */
function folderOf(name: string): string {
  const all = process.env.TEST_ENGINES;
  if (all === undefined) throw new Error('engines are started within a run of vitest');
  return join(all, name);
}

async function up<Facts>(name: EngineName, folder: string, settings: readonly string[] = []): Promise<Facts> {
  await control(name, 'up', folder, ...settings);
  return JSON.parse(readFileSync(join(folder, 'facts.json'), 'utf8'));
}

const unique = (): string => randomBytes(6).toString('hex');

async function start<Facts>(name: EngineName, settings?: readonly string[]): Promise<Engine<Facts>> {
  const folder = folderOf(`${name}-${unique()}`);
  const facts = await up<Facts>(name, folder, settings);
  const to = (command: string) => () => control(name, command, folder);
  return {
    facts,
    folder,
    kill: to('kill'),
    restart: to('restart'),
    pause: to('pause'),
    resume: to('resume'),
    stop: to('down'),
  };
}

/** With these settings, as in `postgresql.conf`. It syncs nothing unless `fsync` is `on`: only a power failure would tell. */
export const startPostgres = (
  settings: Readonly<Record<string, string | number>> = {},
): Promise<Engine<PostgresFacts>> =>
  start(
    'postgres',
    Object.entries(settings).map(([name, value]) => `${name}=${value}`),
  );

export const startCeph = (): Promise<Engine<S3Facts>> => start('ceph');

export const startSwift = (): Promise<Engine<S3Facts>> => start('swift');

/** With JetStream, no stream yet, and these arguments more. */
export const startNats = (...args: readonly string[]): Promise<Engine<NatsFacts>> => start('nats', args);

/** An empty database of its own, of the PostgreSQL of this run. Who comes first starts it. */
export async function sharedPostgres(): Promise<PostgresFacts> {
  const facts = await up<PostgresFacts>('postgres', folderOf('postgres'));
  const database = `test_${unique()}`;
  await run(join(facts.bin, 'psql'), [facts.url, '-qc', `create database ${database}`]);
  return { ...facts, url: new URL(`/${database}`, facts.url).href };
}

/** An empty bucket of its own, of the S3 engine of this run. Who comes first starts it. */
export async function sharedBucket(name: 'ceph' | 'swift'): Promise<S3Facts> {
  const facts = { ...(await up<S3Facts>(name, folderOf(name))), bucket: `test-${unique()}` };
  await makeBucket(facts);
  return facts;
}
