import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';

const { compareBuilds } = await import(new URL('./support/against.mjs', import.meta.url).href);
const { openBuild } = await import(new URL('./support/build.mjs', import.meta.url).href);

const scratch = mkdtempSync(join(tmpdir(), 'sluice-test-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('comparing two builds', () => {
  it('gives both the same number of turns, and lets each go first as often as the other', async () => {
    vi.spyOn(console, 'log').mockImplementation(() => {});
    const order: string[] = [];
    const contest = {
      name: 'a contest',
      figures: { rate: 'more' },
      open: (build: string) => ({
        turn() {
          order.push(build);
          const round = Math.ceil(order.length / 2) - 1;
          return { rate: build === 'this' ? 10 * round : 5 };
        },
      }),
    };
    const rows = await compareBuilds([contest], 'this', 'that', 4);
    vi.restoreAllMocks();
    // The first round warms up and does not count.
    expect(order.join(' ')).toBe('that this this that that this this that that this');
    expect(rows).toEqual([
      expect.objectContaining({ figure: 'rate', ours: 25, theirs: 5, ratio: 5, least: 2, most: 8 }),
    ]);
  });

  it('refuses a folder that is missing, is no checkout or has nothing built, and says what to do', () => {
    const checkout = join(scratch, 'checkout');
    mkdirSync(checkout);
    expect(() => openBuild(join(scratch, 'nowhere'))).toThrow(/nowhere: there is no such folder/);
    expect(() => openBuild(checkout)).toThrow(/it has no package.json/);
    writeFileSync(join(checkout, 'package.json'), '{ "bin": { "sluice": "dist/cli/main.js" } }');
    expect(() => openBuild(checkout)).toThrow(/it has no dist.*npm ci && npm run build/);
  });
});
