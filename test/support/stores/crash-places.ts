/** Where the files of a crash run are, how a server of them is started, and how it is seen what there is. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { contentOf, namesIn } from '../../../src/store/conformance/case.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { type Serving, startServe, startSluice } from '../processes/cli.ts';
import { childrenOf } from '../processes/process-facts.ts';
import { oneOf } from '../random/seeded.ts';
import type { Engines } from './s3-nodes.ts';

export interface CrashPlace {
  /** Starts a server; or answers the one that runs, if `kill` lets it run. */
  readonly serve: () => Promise<Serving>;
  /** Kills what is to be killed. Default the server. @param random picks what that is. */
  readonly kill?: (serving: Serving, random: () => number) => Promise<void>;
  /** The port of a server of the same files that is never killed; absent when there is none. */
  readonly companion?: number;
  /** The most files that a client of small files sends at once. */
  readonly burstMax: number;
  readonly names: () => Promise<readonly string[]>;
  /** Undefined when there is no such file. */
  readonly content: (name: string) => Promise<Buffer | undefined>;
}

/**
 * A folder.
 *
 * @param durability of the server. What it acknowledges with `os` survives its end too. Then bursts are so large that a
 *   worker stores most of their files.
 * @param more flags of the server.
 */
export function crashFolder(
  root: string,
  durability: 'fsync' | 'os',
  more: readonly string[] = [],
): CrashPlace {
  return {
    serve: () => startServe(root, ['--durability', durability, '--log-level', 'error', ...more]),
    burstMax: durability === 'os' ? 60 : 8,
    names: async () => filesIn(root),
    content: async (name) => (existsSync(join(root, name)) ? readFileSync(join(root, name)) : undefined),
  };
}

/** A folder that several workers serve, of which one is killed each time. The server goes on. */
export function crashWorkers(root: string, durability: 'fsync' | 'os', workers: number): CrashPlace {
  const folder = crashFolder(root, durability, ['--workers', String(workers)]);
  let serving: Promise<Serving> | undefined;
  return {
    ...folder,
    serve: () => {
      serving ??= folder.serve();
      return serving;
    },
    kill: async ({ child }, random) => {
      const pid = oneOf(random, childrenOf(child.pid!) as [number, ...number[]]);
      process.kill(pid, 'SIGKILL');
      // Not only killed, but gone.
      while (childrenOf(child.pid!).includes(pid)) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** The names of the stored files. */
function filesIn(root: string, at = ''): string[] {
  return readdirSync(join(root, at), { withFileTypes: true }).flatMap((entry) => {
    const name = `${at}${entry.name}`;
    if (name === '.sluice') return [];
    return entry.isDirectory() ? filesIn(root, `${name}/`) : [name];
  });
}

/** Starts a node of a store over both engines. */
export async function startNode({ s3, postgres }: Engines, args: readonly string[] = []): Promise<Serving> {
  const options = {
    env: {
      AWS_ACCESS_KEY_ID: s3.accessKey,
      AWS_SECRET_ACCESS_KEY: s3.secretKey,
      SLUICE_POSTGRES: postgres.url,
    },
  };
  const store = ['--store', `s3://${s3.bucket}`, '--s3-endpoint', s3.endpoint];
  const running = startSluice(['serve', ...store, '--port', '0', '--log-level', 'error', ...args], options);
  const [, port] = await running.said(/^listening on 127\.0\.0\.1:(\d+)$/m);
  return { ...running, server: `127.0.0.1:${port}`, port: Number(port) };
}

/** A store over both engines, of which one node is never killed. @param seen a node of the test's own, to look through. */
export function crashNodes(engines: Engines, companion: number, seen: FileStore): CrashPlace {
  return {
    serve: () => startNode(engines),
    companion,
    burstMax: 8,
    names: () => namesIn(seen),
    content: async (name) => {
      const stat = await seen.stat(name);
      return stat.ok ? Buffer.from(await contentOf(seen, name)) : undefined;
    },
  };
}
