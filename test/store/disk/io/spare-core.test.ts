import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { crc32OfAll } from '../../../../src/store/crc32.ts';
import { createDiskIo } from '../../../../src/store/disk/disk-io.ts';
import { type FileSystem, nodeFileSystem } from '../../../../src/store/disk/file-system.ts';
import { type CoreTimes, createSpareCore, NO_SPARE_CORE } from '../../../../src/store/disk/io/spare-core.ts';
import { run } from '../../../../src/store/task.ts';
import { tempFolder } from '../../../support/stores/temp-folder.ts';
import { pattern } from '../../../transport/connection-helpers.ts';

/** A machine whose cores do something for a while, and then large writes come. */
function machine(cores: number, lookTakesMs = 0) {
  let now = 5_000;
  let times: CoreTimes = { idle: 100_000, all: 300_000, cores };
  let looks = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  onTestFinished(() => void vi.restoreAllMocks());
  const spareCore = createSpareCore(() => {
    looks++;
    now += lookTakesMs;
    return times;
  });
  spareCore.isThere();
  return {
    looks: () => looks,
    /** What is answered after so many milliseconds, in which so many cores were idle on average. */
    idleFor(ms: number, idle: number): boolean {
      now += ms;
      times = { idle: times.idle + idle * ms, all: times.all + cores * ms, cores };
      return spareCore.isThere();
    },
  };
}

describe('a spare core', () => {
  test('is there when three quarters of a core or more were idle since the last look', () => {
    expect(machine(2).idleFor(600, 0.75)).toBe(true);
    expect(machine(2).idleFor(600, 0.74)).toBe(false);
    expect(machine(64).idleFor(600, 0.75)).toBe(true);
  });

  test('is not there for the first writes of a burst, since nothing is known of them', () => {
    const { idleFor } = machine(2);
    expect([idleFor(400, 2), idleFor(120, 2), idleFor(3_000, 2), idleFor(400, 2), idleFor(120, 2)]).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
  });

  test('is there for as long as an eighth of a core is left over', () => {
    const { idleFor } = machine(2);
    expect([
      idleFor(600, 1),
      idleFor(600, 0.13),
      idleFor(600, 0.12),
      idleFor(600, 0.7),
      idleFor(600, 0.8),
    ]).toEqual([true, true, false, false, true]);
  });

  test('is looked for twice a second at the most, however many writes come', () => {
    const { idleFor, looks } = machine(2);
    const before = looks();
    for (let at = 0; at < 1_000; at++) idleFor(1, 1);
    expect(looks() - before).toBe(2);
  });

  test('is looked for in a hundredth of the time, where a look takes long', () => {
    const { idleFor, looks } = machine(128, 20);
    const before = looks();
    for (let at = 0; at < 10_000; at++) idleFor(1, 1);
    expect(looks() - before).toBeLessThanOrEqual(5);
    expect(looks() - before).toBeGreaterThanOrEqual(4);
  });

  test('is never there on a machine of one core, or where the system does not say', () => {
    expect(machine(1).idleFor(600, 1)).toBe(false);
    expect(machine(0).idleFor(600, 0)).toBe(false);
  });

  test('is looked for in what the system says of this machine', () => {
    expect(typeof createSpareCore().isThere()).toBe('boolean');
  });
});

describe('a write', () => {
  /** Writes chunks through a disk; says how each call wrote, and that the file has them. */
  async function written(lengths: readonly number[], isThere: boolean): Promise<readonly string[]> {
    const calls: string[] = [];
    const fs: FileSystem = {
      ...nodeFileSystem,
      writevSync(fd, chunks, position) {
        calls.push('at once');
        return nodeFileSystem.writevSync(fd, chunks, position);
      },
      writev(fd, chunks, position, callback) {
        calls.push('pool');
        nodeFileSystem.writev(fd, chunks, position, callback);
      },
    };
    const io = createDiskIo(fs, false, isThere ? { isThere: () => true } : NO_SPARE_CORE);
    const chunks = lengths.map((length, at) => pattern(length, at));
    const path = join(tempFolder(), 'file');
    const fd = openSync(path, 'w');
    const crc = await run(io.write(fd, chunks, 0, 0));
    closeSync(fd);
    expect(crc).toBe(crc32OfAll(chunks, 0));
    expect(readFileSync(path).equals(Buffer.concat(chunks))).toBe(true);
    return calls;
  }

  test('of half a MiB or more goes to the pool while there is a spare core, whatever its pieces are', async () => {
    expect(await written([512 * 1024], true)).toEqual(['pool']);
    expect(await written([100_000, 400_000, 24_288], true)).toEqual(['pool']);
  });

  test('of less is done at once, and so is each while there is none', async () => {
    expect(await written([512 * 1024 - 1], true)).toEqual(['at once']);
    expect(await written([512 * 1024], false)).toEqual(['at once']);
    expect(await written([4 * 1024 * 1024], false)).toEqual(['at once']);
  });
});
