/** Command lines of the built `sluice` that are run one after the other in one process, by `command-runner.mjs`. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('./command-runner.mjs', import.meta.url));

export interface Ran {
  /** The exit status, or the signal that ended it. */
  readonly status: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Runner {
  readonly child: ChildProcess;
  /** Called when the process ends: one for the command that has not ended. */
  readonly waiting: Set<(error: Error) => void>;
  /** The end of the command before. */
  last: Promise<unknown>;
}

let runner: Runner | undefined;

/** Starts a process that runs command lines; it ends with this one, and does not keep this one from ending. */
function startRunner(): Runner {
  const { SLUICE_SERVER: _, ...env } = process.env;
  const child = fork(script, { env, execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  // What node itself has to say; what commands print comes in messages.
  child.stderr?.pipe(process.stderr);
  const started: Runner = { child, waiting: new Set(), last: Promise.resolve() };
  child.on('exit', () => {
    if (runner === started) runner = undefined;
    for (const reject of started.waiting) reject(new Error('the command has ended the process that ran it'));
  });
  child.unref();
  child.channel?.unref();
  for (const stream of [child.stdout, child.stderr]) (stream as Socket | null)?.unref();
  return started;
}

/**
 * Runs a command line to its end as `sluice` does, but in a process that has run others before and that stays: for tests
 * of what a command prints and does, rather than of its process, its signals or its streams.
 */
export async function sluiceInRunner(
  args: readonly string[],
  { cwd, env }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  runner ??= startRunner();
  const { child, waiting, last } = runner;
  const ran = last.then(
    () =>
      new Promise<Ran>((resolve, reject) => {
        const onMessage = (message: unknown) => {
          waiting.delete(reject);
          resolve(message as Ran);
        };
        waiting.add(reject);
        child.once('message', onMessage);
        child.send({ args, cwd, env });
      }),
  );
  runner.last = ran.catch(() => {});
  return ran;
}

/** Ends the process when a command has not ended that a failed test began. */
export function endRunner(): void {
  if (runner !== undefined && runner.waiting.size > 0) runner.child.kill('SIGKILL');
}
