/** Many names, so many at a time: what is refused stops nothing, and decides the exit status. */
import { describe, expect, test } from 'vitest';
import { exitError } from '../../../src/cli/shared/exit-error.ts';
import { exitStatus } from '../../../src/cli/shared/exit-status.ts';
import type { Output } from '../../../src/cli/shared/output.ts';
import { forEachNameInTurns } from '../../../src/cli/shared/with-client.ts';

const names = Array.from({ length: 25 }, (_, i) => `n${i}`);

async function asked(wrong: Readonly<Record<string, 'failed' | 'existing'>>, atOnce = 10) {
  const said: string[] = [];
  const seen: string[] = [];
  const output = { error: (text: string) => said.push(text), flush: () => {} } as unknown as Output;
  const ask = async (name: string) => {
    seen.push(name);
    if (wrong[name] !== undefined) throw exitError(exitStatus[wrong[name]], 'it is refused');
  };
  const status = await forEachNameInTurns(names, output, ask, atOnce).then(
    () => exitStatus.success,
    (thrown) => thrown.status,
  );
  return { status, said, seen };
}

describe('many names', () => {
  test('are all asked for, though one of the first is refused', async () => {
    const { status, said, seen } = await asked({ n3: 'failed' });
    expect(seen).toEqual(names);
    expect([status, said]).toEqual([exitStatus.failed, ['n3: it is refused']]);
  });

  test('end as existing only when that is why each of them was refused, in whichever turn', async () => {
    expect((await asked({ n3: 'existing', n20: 'existing' })).status).toBe(exitStatus.existing);
    expect((await asked({ n3: 'existing', n20: 'failed' })).status).toBe(exitStatus.failed);
    expect((await asked({ n3: 'failed', n20: 'existing' })).status).toBe(exitStatus.failed);
    expect((await asked({})).status).toBe(exitStatus.success);
  });
});
