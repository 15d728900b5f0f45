/** The built command line as a child process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { tempFolder } from '../stores/temp-folder.ts';
import { endRunner, type Ran } from './command-runner.ts';

export const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export { type Ran, sluiceInRunner } from './command-runner.ts';

export interface Running {
  readonly child: ChildProcess;
  readonly done: Promise<Ran>;
  /** Resolves with the first match in stdout or stderr; rejects when the process ends without one. */
  readonly said: (pattern: RegExp) => Promise<RegExpExecArray>;
  /** Resolves when a text is in stderr so many times; rejects when the process ends before. */
  readonly logged: (text: string, times: number) => Promise<void>;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** `open`: something that `child.stdin` writes to; default empty. */
  readonly input?: 'open';
  /** Files, or devices, that its output goes to; what it says is not known then. */
  readonly stdout?: string;
  readonly stderr?: string;
}

const started = new Set<ChildProcess>();

/** Ends what a failed test left running; for `afterEach`. */
export async function endAll(): Promise<void> {
  endRunner();
  for (const child of started) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  started.clear();
}

/** Starts a program. */
export function start(program: string, args: readonly string[], options: RunOptions = {}): Running {
  const { SLUICE_SERVER: _, ...inherited } = process.env;
  const [stdout, stderr] = [options.stdout, options.stderr].map((path) =>
    path === undefined ? 'pipe' : openSync(path, 'w'),
  );
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...inherited, ...options.env },
    stdio: [options.input === 'open' ? 'pipe' : 'ignore', stdout, stderr],
  });
  for (const fd of [stdout, stderr]) if (typeof fd === 'number') closeSync(fd);
  started.add(child);
  const text = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (piece: string) => {
      text[name] += piece;
      for (const look of waiting) look();
    });
  }
  const done = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ status: code ?? signal, ...text }));
  });
  const awaited = <T>(what: string, find: () => T | null) =>
    new Promise<T>((resolve, reject) => {
      const look = () => {
        const found = find();
        if (found === null) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
      done.then((ran) => reject(new Error(`ended without ${what}: ${JSON.stringify(ran)}`)), reject);
    });
  return {
    child,
    done,
    said: (pattern) => awaited(String(pattern), () => pattern.exec(text.stdout) ?? pattern.exec(text.stderr)),
    logged: async (wanted, times) => {
      await awaited(wanted, () => (text.stderr.split(wanted).length > times ? true : null));
    },
  };
}

export const startSluice = (args: readonly string[], options?: RunOptions): Running =>
  start(process.execPath, [main, ...args], options);

/** Runs it to its end. */
export const sluice = (args: readonly string[], options?: RunOptions): Promise<Ran> =>
  startSluice(args, options).done;

export interface Serving extends Running {
  /** `HOST:PORT`. */
  readonly server: string;
  readonly port: number;
}

/** Starts `sluice serve` on a free port, and waits until it accepts. */
export async function startServe(root: string, args: readonly string[] = []): Promise<Serving> {
  const running = startSluice(['serve', root, '--port', '0', '--durability', 'os', ...args]);
  const [, port] = await running.said(/^listening on 127\.0\.0\.1:(\d+)$/m);
  return { ...running, server: `127.0.0.1:${port}`, port: Number(port) };
}

/**
 * One server for all tests of a file that leave their server as it was, and what each of them gets: an empty folder, and
 * a root in which only the store's own folder is.
 */
export function shareServe(
  root: string = mkdtempSync(join(tmpdir(), 'sluice-shared-')),
  args: readonly string[] = [],
): () => Serving & { readonly folder: string; readonly root: string } {
  let serving: Serving;
  beforeAll(async () => {
    serving = await startServe(root, args);
    started.delete(serving.child);
  });
  afterAll(async () => {
    serving.child.kill('SIGKILL');
    await serving.done;
    rmSync(root, { recursive: true, force: true });
  });
  return () => {
    for (const name of readdirSync(root)) {
      if (name !== '.sluice') rmSync(join(root, name), { recursive: true });
    }
    return { ...serving, folder: tempFolder(), root };
  };
}

/** What was printed with `--json`. */
export const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
