/** What is recorded of received memory is copied: the reader may do with it what it likes. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fc, test as property } from '@fast-check/vitest';
import { AsyncSubject, Subject } from 'rxjs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type RecordOptions, record } from '../../../src/capture/record/record.ts';
import { createSpool } from '../../../src/capture/record/spool.ts';
import type { Connection, ConnectionFault } from '../../../src/transport/connection.ts';
import { streamsOf } from '../../support/captures/recorded.ts';
import { frame } from '../../support/network/peer.ts';
import { cases } from '../../support/random/cases.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';
import { pattern, turns } from '../../transport/connection-helpers.ts';

const raw = { redact: null } as const;
const MIB = 1024 * 1024;

/** A connection that receives into the memory of a chunk again, as soon as all of it was recycled. */
function recyclingConnection() {
  const chunks$ = new Subject<Uint8Array>();
  const closed$ = new AsyncSubject<ConnectionFault | null>();
  const out = new Map<ArrayBufferLike, number>();
  let recycled = 0;
  const connection: Connection = {
    id: 'recycling',
    local: '10.0.0.1:80',
    remote: '10.0.0.2:5000',
    chunks$,
    closed$,
    write: (_, settled) => queueMicrotask(settled),
    recycle({ buffer }, count) {
      recycled += count;
      out.set(buffer, out.get(buffer)! - count);
      if (out.get(buffer) === 0) new Uint8Array(buffer).fill(0xee);
    },
    pause() {},
    resume() {},
    end() {},
    destroy() {},
  };
  return {
    connection,
    recycled: () => recycled,
    receive(bytes: Uint8Array) {
      const chunk = Uint8Array.from(bytes);
      out.set(chunk.buffer, chunk.length);
      chunks$.next(chunk);
    },
    end() {
      chunks$.complete();
      closed$.next(null);
      closed$.complete();
    },
  };
}

/** A file that takes nothing before it is read, and then little more than is read. */
function slowFile() {
  const path = join(tempFolder(), 'fifo');
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  const reader = async () => {
    const handle = await open(path, 'r');
    const stream = handle.createReadStream();
    // Whoever still writes then fails, and does not keep the process.
    onTestFinished(() => void stream.destroy());
    const chunks = stream[Symbol.asyncIterator]();
    return {
      /** Reads at least so many bytes, or all that come. */
      async read(bytes = Number.POSITIVE_INFINITY): Promise<Buffer> {
        const read: Buffer[] = [];
        for (let left = bytes; left > 0; ) {
          const { done, value } = await chunks.next();
          if (done) break;
          read.push(value as Buffer);
          left -= value.length;
        }
        return Buffer.concat(read);
      },
    };
  };
  return { path, reader, readAll: async () => (await reader()).read() };
}

/** A spool with a file on a disk that does not answer before it is read. */
function stuckSpool() {
  const { path, reader } = slowFile();
  const spool = createSpool();
  onTestFinished(() => spool.close());
  return { spool, file: spool.file({ path, exclusive: false, failed: () => {} }), reader };
}

/** Records chunks whose reader recycles each of them in two parts at once, onto a disk that is slower. */
async function recordRecycled(chunks: readonly Uint8Array[], options: RecordOptions) {
  const { path, readAll } = slowFile();
  const recorder = record(path, options);
  const peer = recyclingConnection();
  const wrapped = recorder.wrap(peer.connection);
  const read: Buffer[] = [];
  wrapped.chunks$.subscribe((chunk) => {
    read.push(Buffer.from(chunk));
    const part = chunk.length >> 1;
    wrapped.recycle?.(chunk, part);
    wrapped.recycle?.(chunk.subarray(part), chunk.length - part);
  });
  for (const chunk of chunks) peer.receive(chunk);
  await turns(5);
  const early = peer.recycled();
  peer.end();
  const [bytes] = await Promise.all([readAll(), recorder.close()]);
  const copy = join(tempFolder(), 'copy.pcapng');
  writeFileSync(copy, bytes);
  return { read: Buffer.concat(read), streams: await streamsOf(copy), early };
}

describe('received memory that is recorded', () => {
  property.prop([fc.array(fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.nat(300_000)), { maxLength: 12 })], {
    numRuns: cases(15),
  })(
    'a recording has what was received, though its reader has recycled it, and has all of it back, before it is written',
    async (lengths) => {
      const chunks = lengths.filter((length) => length > 0).map((length, at) => pattern(length, at * 31));
      const sent = Buffer.concat(chunks);
      const { read, streams, early } = await recordRecycled([Uint8Array.of(7), ...chunks], raw);
      expect(read.subarray(1).equals(sent)).toBe(true);
      expect(streams.client.subarray(1).equals(sent)).toBe(true);
      expect(early).toBe(sent.length + 1);
    },
  );

  test('a token in a large chunk is hidden in the recording, and is there for the reader', async () => {
    const secret = 'a-very-secret-token';
    const body = pattern(200_000);
    const put = Buffer.concat([
      frame({ cmd: 'put', filename: 'x', filesize: body.length, token: secret }),
      body,
    ]);
    const { read, streams } = await recordRecycled([put], {});
    expect(read.equals(put)).toBe(true);
    expect(streams.client.includes(secret)).toBe(false);
    const hidden = Buffer.from(put.toString('latin1').replace(secret, '*'.repeat(secret.length)), 'latin1');
    expect(streams.client.equals(hidden)).toBe(true);
  });

  test('a recording that fails gives all received memory back', async () => {
    const recorder = record('/dev/full', raw);
    const peer = recyclingConnection();
    const wrapped = recorder.wrap(peer.connection);
    wrapped.chunks$.subscribe((chunk) => wrapped.recycle?.(chunk, chunk.length));
    for (let at = 0; at < 30; at++) {
      peer.receive(pattern(100_000));
      await turns(1);
    }
    peer.end();
    await recorder.close();
    expect(peer.recycled()).toBe(3_000_000);
  });
});

describe('a spool', () => {
  const piece = fc.record({
    file: fc.nat(2),
    bytes: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 400_000 })),
  });

  property.prop([fc.array(piece, { maxLength: 30 })], { numRuns: cases(20) })(
    'a spool writes to each file what it was given, in order',
    async (pieces) => {
      const spool = createSpool();
      const paths = [0, 1, 2].map((at) => join(tempFolder(), `${at}`));
      const files = paths.map((path) =>
        spool.file({
          path,
          exclusive: false,
          failed: (error) => {
            throw error;
          },
        }),
      );
      const expected: Buffer[][] = [[], [], []];
      for (const [at, { file: which, bytes }] of pieces.entries()) {
        const content = pattern(bytes, at * 17);
        expected[which]!.push(Buffer.from(content));
        const { room, at: place } = files[which]!.room(bytes);
        room.bytes.set(content, place);
        if (at % 5 === 0) await turns(1);
      }
      for (const file of files) file.end();
      await spool.close();
      for (const [which, path] of paths.entries()) {
        const whole = Buffer.concat(expected[which]!);
        if (whole.length === 0) continue;
        const handle = await open(path);
        expect((await handle.readFile()).equals(whole)).toBe(true);
        await handle.close();
      }
    },
  );

  test('a spool whose disk does not answer takes small pieces for as long as they fit into one more block, and writes them once it does', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { spool, file, reader } = stuckSpool();
    const rooms = new Set<object>();
    const sent: Buffer[] = [];
    for (let at = 0; at < 1000; at++) {
      const content = pattern(100, at);
      const { room, at: place } = file.room(content.length);
      room.bytes.set(content, place);
      rooms.add(room);
      sent.push(Buffer.from(content));
      vi.advanceTimersByTime(1000);
    }
    vi.useRealTimers();
    expect(rooms.size).toBe(2);
    const whole = Buffer.concat(sent);
    const { read } = await reader();
    expect((await read(whole.length)).equals(whole)).toBe(true);
    file.end();
    await Promise.all([read(), spool.close()]);
  });

  test('a spool is full until a block of what waits is written, and not until all of it is', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { spool, file, reader } = stuckSpool();
    let written = 0;
    for (; !spool.isFull(); written += MIB / 4) file.room(MIB / 4);
    expect(written).toBeGreaterThan(6 * MIB);
    expect(written).toBeLessThan(8 * MIB);
    // The block that is being filled has waited long enough too, and is written behind the others.
    vi.advanceTimersByTime(1000);
    vi.useRealTimers();
    const notFull = new Promise<boolean>((resolve) => spool.watch(resolve));
    const { read } = await reader();
    const first = await read(MIB);
    expect(await notFull).toBe(false);
    file.end();
    const [rest] = await Promise.all([read(), spool.close()]);
    expect(first.length + rest.length).toBe(written);
  });
});
