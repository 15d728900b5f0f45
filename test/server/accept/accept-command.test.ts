/** A program that decides about files: what it gets, and what its end means. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { acceptByCommand } from '../../../src/server/accept/accept-command.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

const { signal } = new AbortController();
const content = { name: "it's $HOME; a name", size: 5, crc32: 7 };
const decide = async (script: string, path = '/nowhere', timeoutMs = 20_000) =>
  acceptByCommand(['sh', '-c', script, 'sh', '{}'], timeoutMs)({ ...content, path }, signal);

describe('a program that decides', () => {
  test('it gets the file as JSON on its standard input, and its path as an argument', async () => {
    const folder = tempFolder();
    const path = join(folder, 'staged');
    writeFileSync(path, 'bytes');
    expect(await decide(`cat > ${folder}/question; cat "$1" > ${folder}/content`, path)).toBeNull();
    expect(JSON.parse(readFileSync(join(folder, 'question'), 'utf8'))).toEqual({ ...content, path });
    expect(readFileSync(join(folder, 'content'), 'utf8')).toBe('bytes');
  });

  test('with status 1 it refuses, for the reason in the first line that it prints, which does not say the path', async () => {
    expect(await decide('echo; echo "$1: Eicar FOUND"; echo more; exit 1')).toBe(
      `${content.name}: Eicar FOUND`,
    );
    expect(await decide('exit 1')).toBe('it was not accepted');
  });

  test('any other end is no answer, and says why', async () => {
    await expect(decide('echo "no database" >&2; exit 2')).rejects.toThrow('it exited with 2: no database');
    await expect(decide('kill -9 $$')).rejects.toThrow('it was ended by SIGKILL');
    await expect(acceptByCommand(['/no/such/program'], 1000)(content, signal)).rejects.toThrow('ENOENT');
  });

  test('one that takes too long is killed with what it has started, also when nobody waits any more', async () => {
    const folder = tempFolder();
    const pids = () => readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number);
    const isAlive = (pid: number) => {
      try {
        return /^State:\s+[^ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
      } catch {
        return false;
      }
    };
    const script = `sleep 1000 & echo $! > ${folder}/pids; echo $$ >> ${folder}/pids; wait`;
    await expect(decide(script, '/nowhere', 200)).rejects.toThrow('it ran for more than 0.2 s');
    await expect.poll(() => pids().some(isAlive)).toBe(false);
    rmSync(join(folder, 'pids'));
    const given = new AbortController();
    const asked = acceptByCommand(['sh', '-c', script], 100_000)(content, given.signal) as Promise<unknown>;
    const isKilled = expect(asked).rejects.toThrow('it was ended by SIGKILL');
    await expect.poll(() => existsSync(join(folder, 'pids')) && pids().filter(isAlive).length).toBe(2);
    given.abort();
    await isKilled;
    await expect.poll(() => pids().some(isAlive)).toBe(false);
  });
});
