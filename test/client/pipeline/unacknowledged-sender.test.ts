import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { bytesContent } from '../../../src/client/content/content.ts';
import { createUnacknowledgedSender } from '../../../src/client/pipeline/unacknowledged-sender.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { pattern, read } from '../../transport/connection-helpers.ts';

const header = (json: string) => {
  const length = Buffer.alloc(4);
  length.writeInt32LE(Buffer.byteLength(json));
  return Buffer.concat([length, Buffer.from(json)]);
};

describe('an unacknowledged sender', () => {
  test('an unacknowledged sender sends what a dozen lines of Python would, and nothing else', async () => {
    const [here, there] = memoryPair();
    const reading = read(there);
    const sender = createUnacknowledgedSender(here);
    const events = sender.put('照片/a', bytesContent(pattern(400_000))).pipe(toArray());
    const sent = Promise.all([
      firstValueFrom(events),
      lastValueFrom(sender.put('empty', { ...bytesContent(new Uint8Array(0)), mtime: 3 })),
    ]);
    const ended = firstValueFrom(sender.end(5_000));
    expect(await reading.done).toBe(null);
    there.end();
    expect(await ended).toBe(true);
    const [[...progress], empty] = await sent;
    expect(progress.at(-1)).toMatchObject({ type: 'sent', size: 400_000 });
    expect(empty).toEqual({ type: 'sent', size: 0, crc32: 0 });
    const expected = [
      header('{"cmd":"put","filename":"照片/a","filesize":400000}'),
      pattern(400_000),
      header('{"cmd":"put","filename":"empty","filesize":0}'),
    ];
    expect(Buffer.compare(reading.bytes(), Buffer.concat(expected))).toBe(0);
  });

  test('an unacknowledged sender reports a peer that does not end its side', async () => {
    const [here, there] = memoryPair();
    read(there);
    const sender = createUnacknowledgedSender(here);
    await lastValueFrom(sender.put('a', bytesContent(pattern(10))));
    expect(await firstValueFrom(sender.end(20))).toBe(false);
  });

  test('an unacknowledged sender ends in the middle of a frame whose content fails, so that earlier files stay', async () => {
    const [here, there] = memoryPair();
    const reading = read(there);
    const sender = createUnacknowledgedSender(here);
    const faults = [
      sender.put('bad', {
        size: 1_000_000,
        read: (offset, into) => {
          if (offset > 0) throw new Error('gone');
          return into.length;
        },
      }),
      sender.put('after', bytesContent(pattern(10))),
    ].map((put$) => lastValueFrom(put$).catch((fault) => fault));
    expect(await Promise.all(faults)).toMatchObject([
      { code: 'content', message: 'gone' },
      { code: 'connection', sent: false },
    ]);
    expect(await reading.done).toBe(null);
    expect(reading.length()).toBeLessThan(1_000_000);
  });

  test('a connection that breaks fails the files that an unacknowledged sender has not sent', async () => {
    const [here, there] = memoryPair();
    const sender = createUnacknowledgedSender(here);
    const put = lastValueFrom(sender.put('a', { size: 1e9, read: (_, into) => into.length }));
    there.destroy();
    await expect(put).rejects.toMatchObject({ code: 'connection', cause: { code: 'reset' } });
    await expect(firstValueFrom(sender.end(1_000))).rejects.toMatchObject({ code: 'connection' });
  });
});
