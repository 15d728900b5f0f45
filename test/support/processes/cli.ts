/** The built command line as a child process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export interface Ran {
  /** The exit status, or the signal that ended it. */
  readonly status: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

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

/** What was printed with `--json`. */
export const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
