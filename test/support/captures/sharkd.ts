/** sharkd, which is Wireshark without its window: started once, it is asked about many captures. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll } from 'vitest';
import { pathOf } from '../install-tools.ts';

export interface Sharkd {
  /** Loads a capture file, in the place of the one before. */
  readonly load: (file: string) => Promise<void>;
  /**
   * The packets of the file that a display filter finds, or all of them: the number of each, and the values of these
   * fields.
   */
  readonly packets: (asked: {
    readonly filter?: string;
    readonly fields?: readonly string[];
  }) => Promise<{ readonly number: number; readonly values: readonly string[] }[]>;
  /** The titles of the trees of one packet. */
  readonly trees: (packet: number) => Promise<string[]>;
}

interface Answer {
  readonly id: number;
  readonly error?: unknown;
  readonly result?: unknown;
}

/**
 * One sharkd for the tests of a file, which is started by the first of them that needs it.
 *
 * @param plugins what is in its plugin folder.
 */
export function shareSharkd(plugins: readonly string[] = []): () => Promise<Sharkd> {
  const home = mkdtempSync(join(tmpdir(), 'sluice-sharkd-'));
  let started: Promise<{ readonly sharkd: Sharkd; readonly end: () => Promise<void> }> | undefined;
  afterAll(async () => {
    await (await started)?.end();
    rmSync(home, { recursive: true, force: true });
  });
  return async () => {
    started ??= startSharkd(home, plugins);
    return (await started).sharkd;
  };
}

async function startSharkd(home: string, plugins: readonly string[]) {
  const program = pathOf('sharkd');
  if (program === null) throw new Error('there is no sharkd, though it comes with tshark');
  const folder = join(home, '.local/lib/wireshark/plugins');
  await mkdir(folder, { recursive: true });
  for (const [i, plugin] of plugins.entries()) await copyFile(plugin, join(folder, `${i}.lua`));
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: join(home, '.config') };
  const child = spawn(program, ['-'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let asked = 0;
  let last: Promise<unknown> = Promise.resolve();

  async function answer(method: string, params: object): Promise<unknown> {
    const id = ++asked;
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    for (let line = await answers.next(); !line.done; line = await answers.next()) {
      if (!line.value.startsWith('{')) continue;
      const { id: of, result, error } = JSON.parse(line.value) as Answer;
      if (of === id && result !== undefined) return result;
      throw new Error(`sharkd says of ${method} ${JSON.stringify(params)}: ${JSON.stringify(error)}`);
    }
    throw new Error(`sharkd has ended before it answered ${method}`);
  }
  const ask = (method: string, params: object): Promise<unknown> => {
    const answered = last.then(() => answer(method, params));
    last = answered.catch(() => {});
    return answered;
  };

  const sharkd: Sharkd = {
    load: async (file) => void (await ask('load', { file })),
    packets: async ({ filter, fields = [] }) => {
      const columns = Object.fromEntries(fields.map((field, i) => [`column${i}`, `${field}:0`]));
      // What it has found by a text it keeps, though another file is loaded; by this text it has not looked yet.
      const anew = filter === undefined ? {} : { filter: filter + ' '.repeat(asked) };
      const found = (await ask('frames', { ...columns, ...anew })) as { num: number; c: string[] }[];
      return found.map(({ num, c }) => ({ number: num, values: c.slice(0, fields.length) }));
    },
    trees: async (packet) => {
      const shown = (await ask('frame', { frame: packet, proto: true })) as { tree?: { l: string }[] };
      return (shown.tree ?? []).map(({ l }) => l);
    },
  };
  const end = async () => {
    child.stdin.end();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  return { sharkd, end };
}
