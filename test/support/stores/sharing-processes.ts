/** Real processes with stores on one root, of which the test is the owner, and which it may kill. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import { Observable } from 'rxjs';
import { type Calls, connectCalls } from '../../../src/base/calls.ts';
import type { RootOwner } from '../../../src/store/shared/root-owner.ts';
import { tempFolder } from './temp-folder.ts';

export interface ForkedStore {
  /** What a client would do there: see `sharing-process.ts`. */
  readonly calls: Calls;
  /** Kills the process, and resolves when it has ended and its owner knows. */
  readonly kill: () => Promise<void>;
}

/** Returns a function that starts one more process. All must be killed before the test ends. */
export async function forkStores(
  owner: RootOwner,
  args: readonly [root: string, durability: string, quotas: 'quotas' | 'none'],
): Promise<() => Promise<ForkedStore>> {
  const outfile = join(tempFolder(), 'sharing-process.mjs');
  const entryPoints = [join(import.meta.dirname, '../processes/sharing-process.ts')];
  await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', banner: REQUIRE });
  return async () => {
    const child = fork(outfile, args, { execArgv: [] });
    let calls!: Calls;
    const joined = owner.join({ calls: () => calls });
    await new Promise<void>((ready, fail) => {
      child.once('exit', () => fail(new Error('the process has ended before its store was open')));
      calls = connectCalls(channelOf(child), { ...joined.handlers, ready });
    });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    const ended = Promise.all([exited, calls.closed]).then(() => joined.left());
    return {
      calls,
      kill() {
        child.kill('SIGKILL');
        return ended;
      },
    };
  };
}

/** What is bundled of CommonJS needs `require`. */
const REQUIRE = {
  js: "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url);",
};

const channelOf = (child: ChildProcess) => ({
  send: (message: unknown) => void (child.connected && child.send(message as object, () => {})),
  messages$: new Observable<unknown>((messages) => {
    child.on('message', (message) => messages.next(message));
    child.on('disconnect', () => messages.complete());
  }),
});
