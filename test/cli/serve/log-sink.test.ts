/** Lines of a log on their way to a descriptor that takes them in parts, late, or not at all. */
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type AsyncWrite, createLogSink } from '../../../src/cli/serve/log-sink.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

const full = Object.assign(new Error('no'), { code: 'ENOSPC' });
/** No descriptor of this process: what is written goes where the test says. */
const none = 0;

/** Writes so many bytes of each piece in turn; of 0, none, and tells that the disk is full. */
function disk(counts: () => number): { readonly write: AsyncWrite; readonly text: () => string } {
  const taken: Uint8Array[] = [];
  return {
    write: (_, bytes, done) => {
      const count = Math.min(counts(), bytes.length);
      if (count > 0) taken.push(bytes.slice(0, count));
      queueMicrotask(() => (count === 0 ? done(full, 0) : done(null, count)));
    },
    text: () => Buffer.concat(taken).toString(),
  };
}

/** Lines that tell themselves apart, some of them longer than what is gathered. */
const lengths = fc.array(fc.oneof(fc.nat(30), fc.integer({ min: 16_000, max: 17_000 })), { maxLength: 20 });
const linesOf = (all: readonly number[]) => all.map((length, i) => `${i}${'.'.repeat(length)}\n`);

describe('what is logged', () => {
  property.prop([lengths, fc.infiniteStream(fc.integer({ min: 1, max: 9000 })), fc.nat(3)])(
    'what is logged is written whole and in order, however little is taken at a time',
    async (all, counts, flushed) => {
      const { write, text } = disk(() => counts.next().value!);
      const sink = createLogSink({ fd: none, heldMaxBytes: 1e9, write });
      for (const [i, line] of linesOf(all).entries()) {
        sink.write(line);
        if (i % 4 === flushed) sink.flush();
      }
      await sink.close();
      expect(text()).toBe(linesOf(all).join(''));
      expect(sink.lost()).toEqual({ held: 0, refused: 0 });
    },
  );

  property.prop([lengths, fc.infiniteStream(fc.nat(9000).map((count) => (count < 3000 ? 0 : count)))])(
    'what is logged and refused is counted, and spoils no line but the one that was cut',
    async (all, counts) => {
      const { write, text } = disk(() => counts.next().value!);
      const sink = createLogSink({ fd: none, heldMaxBytes: 1e9, write });
      const lines = linesOf(all);
      for (const line of lines) {
        sink.write(line);
        sink.flush();
        await new Promise(setImmediate);
      }
      await sink.close();
      const there = text()
        .split('\n')
        .filter((line) => line !== '');
      const whole = there.filter((line) => lines.includes(`${line}\n`));
      expect(whole).toEqual(lines.map((line) => line.trimEnd()).filter((line) => there.includes(line)));
      expect(whole.length + sink.lost().refused).toBe(lines.length);
    },
  );

  test('log lines beyond the bound are lost, and counted', async () => {
    let release = () => {};
    const sink = createLogSink({
      fd: none,
      heldMaxBytes: 100,
      write: (_, bytes, done) => {
        release = () => done(null, bytes.length);
      },
    });
    for (let i = 0; i < 30; i++) {
      sink.write('123456789\n');
      sink.flush();
    }
    expect(sink.lost()).toEqual({ held: 20, refused: 0 });
    expect(sink.lost()).toEqual({ held: 0, refused: 0 });
    release();
    release();
    sink.write('123456789\n');
    expect(sink.lost()).toEqual({ held: 0, refused: 0 });
  });

  test('log lines are written before a process ends at once, or given up', () => {
    const path = join(tempFolder(), 'log');
    const sink = createLogSink({ fd: openSync(path, 'w'), heldMaxBytes: 1000 });
    sink.write('one\n');
    sink.closeSync();
    expect(readFileSync(path, 'utf8')).toBe('one\n');
    const refused = createLogSink({ fd: openSync('/dev/full', 'w'), heldMaxBytes: 1000 });
    refused.write('one\n');
    refused.closeSync();
  });

  test('log lines to a descriptor that takes nothing more are given up when the log is closed', async () => {
    const busy = Object.assign(new Error('busy'), { code: 'EAGAIN' });
    const sink = createLogSink({
      fd: none,
      heldMaxBytes: 1000,
      write: (_, __, done) => setImmediate(done, busy, 0),
    });
    sink.write('one\n');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const closed = sink.close();
    await vi.advanceTimersByTimeAsync(2000);
    await closed;
  });
});
