import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { commands } from '../../../src/files/session/dispatch.ts';
import { trimmedHeader } from '../../../src/files/session/trim-header.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const known = new Map(commands.map((command) => [command.cmd, command]));

/** Bytes of memory that are held for what is kept of so many headers. */
function heldFor(count: number, json: (n: number) => string): number {
  collect();
  const before = process.memoryUsage().heapUsed;
  const kept = Array.from({ length: count }, (_, n) => {
    const header = JSON.parse(json(n)) as { cmd: string };
    return trimmedHeader(known.get(header.cmd), header);
  });
  collect();
  const after = process.memoryUsage().heapUsed;
  expect(kept).toHaveLength(count);
  return after - before;
}

describe('of a long header', () => {
  const [count, long] = [500, 60_000];
  test.each([
    ['a command that nobody knows', (n: number) => `{"cmd":"${n}${'x'.repeat(long)}"}`],
    ['its file', (n: number) => `{"cmd":"unknown","filename":"${n}${'x'.repeat(long)}"}`],
    ['what no command looks at', (n: number) => `{"cmd":"ping","pad":"${n}${'x'.repeat(long)}"}`],
    ['a size that is text', (n: number) => `{"cmd":"ping","filesize":"${n}${'x'.repeat(long)}"}`],
    ['a value of the wrong kind', (n: number) => `{"cmd":"stat","filename":[${n}${',{}'.repeat(long / 3)}]}`],
  ])('the part %s of a long header costs nothing while it is kept', (_, json) => {
    expect(heldFor(count, json)).toBeLessThan((count * long) / 8);
  });
});
