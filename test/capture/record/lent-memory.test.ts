/** What is recorded of received memory is written from there, and the memory goes back when it is written. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fc, test as property } from '@fast-check/vitest';
import { AsyncSubject, Subject } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { createReceivedMemory } from '../../../src/capture/record/received-memory.ts';
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

/** A file that takes nothing before it is read: what is written to it by then. */
function slowFile() {
  const path = join(tempFolder(), 'fifo');
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  const readAll = async (): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    const handle = await open(path, 'r');
    for await (const chunk of handle.createReadStream()) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  };
  return { path, readAll };
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
  return { read: Buffer.concat(read), streams: await streamsOf(copy), early, recycled: peer.recycled() };
}

describe('received memory that is recorded', () => {
  property.prop([fc.array(fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.nat(300_000)), { maxLength: 12 })], {
    numRuns: cases(15),
  })(
    'a recording has what was received, though its reader has recycled it before it was written',
    async (lengths) => {
      const chunks = lengths.filter((length) => length > 0).map((length, at) => pattern(length, at * 31));
      const sent = Buffer.concat(chunks);
      const { read, streams, recycled } = await recordRecycled([Uint8Array.of(7), ...chunks], raw);
      expect(read.subarray(1).equals(sent)).toBe(true);
      expect(streams.client.subarray(1).equals(sent)).toBe(true);
      expect(recycled).toBe(sent.length + 1);
    },
  );

  test('a recording keeps at most 2 MiB of received memory from being received into, and copies the rest', async () => {
    const chunks = Array.from({ length: 30 }, (_, at) => pattern(100_000, at));
    const { early, recycled } = await recordRecycled(chunks, raw);
    expect(recycled).toBe(3_000_000);
    expect(recycled - early).toBeGreaterThan(MIB);
    // Bytes of a chunk that is lent in part count wholly.
    expect(recycled - early).toBeLessThanOrEqual(2 * MIB + 100_000);
  });

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

  const operation = fc.record({
    what: fc.constantFrom('lend', 'repay', 'recycle'),
    memory: fc.nat(2),
    bytes: fc.integer({ min: 1, max: 50 }),
  });

  property.prop([fc.array(operation, { maxLength: 60 })])(
    'recycled memory goes back to its connection when nothing of it is lent, whole, and once',
    (operations) => {
      const memories = [0, 1, 2].map(() => ({ chunk: new Uint8Array(100), lent: 0, recycled: 0, back: 0 }));
      const memory = createReceivedMemory({
        recycle({ buffer }, count) {
          const of = memories.find(({ chunk }) => chunk.buffer === buffer)!;
          expect(of.lent).toBe(0);
          of.back += count;
        },
      });
      const repay = (of: (typeof memories)[number], bytes: number): void => {
        of.lent -= bytes;
        if (bytes > 0) memory.lenderOf(of.chunk).repaid(bytes);
      };
      for (const { what, memory: which, bytes } of operations) {
        const of = memories[which]!;
        if (what === 'lend') {
          of.lent += bytes;
          memory.lenderOf(of.chunk).lent(bytes);
        } else if (what === 'repay') repay(of, Math.min(bytes, of.lent));
        else {
          of.recycled += bytes;
          memory.recycle(of.chunk.subarray(bytes), bytes);
        }
        for (const { lent, recycled, back } of memories) if (lent === 0) expect(back).toBe(recycled);
      }
      for (const of of memories) repay(of, of.lent);
      for (const { recycled, back } of memories) expect(back).toBe(recycled);
    },
  );
});

describe('a spool', () => {
  const piece = fc.record({
    file: fc.nat(2),
    bytes: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 400_000 })),
    isLent: fc.boolean(),
  });

  property.prop([fc.array(piece, { maxLength: 30 })], { numRuns: cases(20) })(
    'a spool writes to each file what it was given, copied or lent, in order, and repays every loan',
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
      let owed = 0;
      const lender = {
        lent: (bytes: number) => {
          owed += bytes;
        },
        repaid: (bytes: number) => {
          owed -= bytes;
        },
      };
      for (const [at, { file: which, bytes, isLent }] of pieces.entries()) {
        const file = files[which]!;
        const content = pattern(bytes, at * 17);
        expected[which]!.push(Buffer.from(content));
        if (isLent && file.mayLend(bytes)) {
          file.lend(content, lender);
          if (at % 3 === 0) spool.writeLent();
        } else {
          const { room, at: place } = file.room(bytes);
          room.bytes.set(content, place);
        }
        if (at % 5 === 0) await turns(1);
      }
      for (const file of files) file.end();
      await spool.close();
      expect(owed).toBe(0);
      for (const [which, path] of paths.entries()) {
        const whole = Buffer.concat(expected[which]!);
        if (whole.length === 0) continue;
        const handle = await open(path);
        expect((await handle.readFile()).equals(whole)).toBe(true);
        await handle.close();
      }
    },
  );
});
