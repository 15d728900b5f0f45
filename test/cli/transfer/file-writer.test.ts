import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createFileWriter, pump, writeNow } from '../../../src/cli/transfer/file-writer.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

/** A writer of a file, opened as `flags` say. */
function writer(flags: 'w' | 'r') {
  const path = join(tempFolder(), 'f');
  writeFileSync(path, '');
  const fd = openSync(path, flags);
  onTestFinished(() => closeSync(fd));
  let released = 0;
  const faults: unknown[] = [];
  const it = createFileWriter(fd, 0, {
    written: (bytes) => {
      released += bytes;
    },
    failed: (error) => faults.push(error),
  });
  const idle = new Promise<void>((resolve) => {
    it.onIdle = resolve;
  });
  return { writer: it, idle, faults, released: () => released, text: () => readFileSync(path, 'utf8') };
}

test('bytes that are queued during a write follow it, and all are released', async () => {
  const { writer: it, idle, released, text } = writer('w');
  it.queued.push(Buffer.from('one'), Buffer.from('two'));
  pump(it);
  it.queued.push(Buffer.from('three'));
  expect(released()).toBe(0);
  await idle;
  expect(text()).toBe('onetwothree');
  expect([released(), it.position]).toEqual([11, 11]);
});

test('when a write fails, the bytes that wait behind it are released too, and the error is reported once', async () => {
  const { writer: it, idle, released, faults } = writer('r');
  it.queued.push(Buffer.from('one'));
  pump(it);
  it.queued.push(Buffer.from('three'));
  await idle;
  expect(faults).toEqual([expect.objectContaining({ code: 'EBADF' })]);
  expect([released(), it.broken, it.error]).toEqual([8, true, faults[0]]);
});

test('bytes that are written at once are released also when the write fails', () => {
  const good = writer('w');
  good.writer.queued.push(Buffer.from('one'), Buffer.from('two'));
  writeNow(good.writer);
  expect([good.text(), good.released()]).toEqual(['onetwo', 6]);
  const bad = writer('r');
  bad.writer.queued.push(Buffer.from('one'), Buffer.from('two'));
  writeNow(bad.writer);
  expect([bad.released(), bad.faults.length]).toEqual([6, 1]);
});
