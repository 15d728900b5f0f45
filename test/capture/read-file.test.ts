/** Captures in real files, compressed or not, on standard input, and files that cannot be read. */
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { captureOf } from '../../src/capture/capture.ts';
import { captureFile } from '../../src/capture/capture-file.ts';
import { BATCH_PACKETS_MAX } from '../../src/capture/format/records.ts';
import type { Packet } from '../../src/capture/packet.ts';
import { readPackets } from '../../src/capture/read-packets.ts';
import { readStreams } from '../../src/capture/read-streams.ts';
import { pcapBytes } from '../support/captures/capture-bytes.ts';
import { counting, readCapture } from '../support/captures/read-capture.ts';
import { opened } from '../support/captures/segments.ts';
import { pcapOfSegments } from '../support/captures/segments-pcap.ts';
import { skippableFrame, zstdFrame } from '../support/captures/zstd-bytes.ts';
import { tempFolder } from '../support/stores/temp-folder.ts';

const { crc32, gzipSync } = zlib;
/** There since Node 22.15. */
const { createZstdDecompress, zstdCompressSync } = zlib as {
  readonly createZstdDecompress?: unknown;
  readonly zstdCompressSync?: (bytes: Uint8Array) => Uint8Array;
};

/** 3 MB that do not compress to nothing. */
const packets = Array.from({ length: 300 }, (_, index) => ({
  bytes: Uint8Array.from({ length: 10_000 }, (_, at) => (at * at * (index + 1)) >> 5),
  time: BigInt(index) * 1000n,
}));
const whole = pcapBytes({ packets });

/** The facts of a packet that identify it, and are quickly compared. */
const brief = (found: readonly Packet[]) =>
  found.map(({ number, time, position, bytes }) => [number, time, position, crc32(bytes)]);

function file(bytes: Uint8Array): string {
  const path = join(tempFolder(), 'capture');
  writeFileSync(path, bytes);
  return path;
}

test('a file is read, and can be read again', async () => {
  const expected = await readCapture(captureOf(whole));
  const capture = captureFile(file(whole));
  for (let time = 0; time < 2; time++) {
    const { packets: found, fault, batches } = await readCapture(capture);
    expect(fault).toBeNull();
    expect(brief(found)).toEqual(brief(expected.packets));
    // In blocks, not as one.
    expect(batches.length).toBeGreaterThan(4);
  }
});

test('a file that is read to the end, or not, is closed', async () => {
  const path = file(whole);
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  for (let time = 0; time < 10; time++) {
    await readCapture(captureFile(path));
    for await (const batch of readPackets(captureFile(path))) {
      expect(batch.length).toBeGreaterThan(0);
      break;
    }
  }
  expect(open()).toBeLessThanOrEqual(before);
});

test('an empty file is no capture', async () => {
  const { fault } = await readCapture(captureFile(file(new Uint8Array(0))));
  expect(fault).toMatchObject({ code: 'not-a-capture', position: 0, after: 0 });
  expect(fault!.message).toMatch(/capture: at byte 0: the file is empty$/);
});

test.each([
  ['is not there', () => join(tempFolder(), 'none'), 'there is no such file'],
  ['is below a file', () => join(file(whole), 'x'), 'there is no such file: a part of its path is not a dir'],
  ['is a directory', () => tempFolder(), 'it is a directory, and a capture is a file'],
])('a file that %s is unreadable', async (_, make, says) => {
  const path = make();
  const { packets: found, fault } = await readCapture(captureFile(path));
  expect(found).toEqual([]);
  expect(fault).toMatchObject({ code: 'unreadable', position: 0, after: 0 });
  expect(fault!.message).toBe(`${path}: ${fault!.message.slice(path.length + 2)}`);
  expect(fault!.message).toContain(says);
});

test('a fault after some packets has the number of the last of them', async () => {
  const failing = {
    name: 'failing',
    async *blocks() {
      yield whole.subarray(0, 24 + 2 * 10_016 + 5);
      throw { code: 'unreadable', message: 'failing: the device failed', position: 20_061, after: 0 };
    },
  };
  const { packets: found, fault } = await readCapture(failing);
  expect(found).toHaveLength(2);
  expect(fault).toMatchObject({
    code: 'unreadable',
    message: 'failing: the device failed',
    position: 20_061,
    after: 2,
  });
});

test('what is thrown that is no fault is thrown on as it is', async () => {
  const bug = new TypeError('a bug');
  const broken = {
    name: 'broken',
    async *blocks() {
      yield whole;
      throw bug;
    },
  };
  await expect(readCapture(broken)).rejects.toBe(bug);
});

test('a pipe is read, once', async () => {
  const path = join(tempFolder(), 'pipe');
  execFileSync('mkfifo', [path]);
  const writer = spawn('sh', ['-c', 'cat "$1" > "$2"', 'sh', file(whole), path]);
  const capture = captureFile(path);
  const { packets: found, fault } = await readCapture(capture);
  expect(fault).toBeNull();
  expect(found).toHaveLength(300);
  expect((await readCapture(capture)).fault).toMatchObject({
    code: 'unreadable',
    message: `${path}: it can be read only once, and was`,
  });
  writer.kill();
});

/** Reads standard input in a process of its own, once or twice. */
const reader = `
  const { captureFile } = await import(process.argv[1]);
  const capture = captureFile('-');
  for (let time = 0; time < 2; time++) {
    let length = 0;
    try {
      for await (const block of capture.blocks()) length += block.length;
      console.log(length);
    } catch ({ code, message }) {
      console.log(length, code, message);
    }
  }
`;
const dist = join(import.meta.dirname, '../../dist/capture.js');

test.each([
  ['a pipe', 'cat "$0" | node --input-type=module -e "$1" "$2"'],
  ['a file', 'node --input-type=module -e "$1" "$2" < "$0"'],
])('the capture - is standard input: %s, once', (_, command) => {
  const args = ['-c', command, file(whole), reader, dist];
  expect(execFileSync('sh', args, { encoding: 'utf8' }).split('\n')).toEqual([
    String(whole.length),
    '0 unreadable standard input: it can be read only once, and was',
    '',
  ]);
});

test('a file compressed with gzip is read as what was compressed', async () => {
  const expected = await readCapture(captureOf(whole));
  const { packets: found, fault } = await readCapture(captureFile(file(gzipSync(whole))));
  expect(fault).toBeNull();
  expect(brief(found)).toEqual(brief(expected.packets));
});

test('several that were compressed one after the other are one', async () => {
  const path = file(gzipSync(whole.subarray(0, 5_000)));
  appendFileSync(path, gzipSync(whole.subarray(5_000)));
  const { packets: found, fault } = await readCapture(captureFile(path));
  expect(fault).toBeNull();
  expect(found).toHaveLength(300);
});

test.each([1, 20_000, 2_000_000])(
  'what follows the compressed data never keeps the reader waiting (%i bytes)',
  async (length) => {
    const zeros = file(Buffer.concat([gzipSync(whole), new Uint8Array(length)]));
    const padded = await readCapture(captureFile(zeros));
    expect(padded.packets.length).toBeGreaterThan(250);

    const noise = file(Buffer.concat([gzipSync(whole), new Uint8Array(length).fill(7)]));
    const followed = await readCapture(captureFile(noise));
    expect(followed.packets.length).toBeGreaterThan(250);
    expect(followed.fault?.after ?? 300).toBe(followed.packets.length);
  },
);

test('compressed data that ends early or is damaged is a fault, after the packets before it', async () => {
  const compressed = gzipSync(whole);
  const cut = await readCapture(captureFile(file(compressed.subarray(0, compressed.length / 2))));
  expect(cut.fault).toMatchObject({ code: 'truncated', after: cut.packets.length });
  expect(cut.fault!.message).toContain('the gzip data ends early');
  expect(cut.packets.length).toBeGreaterThan(50);

  const damaged = Uint8Array.from(compressed);
  damaged.fill(0xff, compressed.length / 2, compressed.length / 2 + 100);
  const broken = await readCapture(captureFile(file(damaged)));
  expect(broken.fault).toMatchObject({ code: 'damaged', after: broken.packets.length });
  expect(broken.packets.length).toBeGreaterThan(50);

  // The checksum, behind everything.
  const unsure = Uint8Array.from(compressed);
  unsure[compressed.length - 5]! ^= 1;
  const checked = await readCapture(captureFile(file(unsure)));
  expect(checked.packets.length).toBeGreaterThan(250);
  expect(checked.fault).toMatchObject({ code: 'damaged', after: checked.packets.length });
  expect(checked.fault!.message).toContain('the gzip data is damaged: incorrect data check');
});

test('what was compressed is only held a little at a time, however much it becomes', async () => {
  const zeros = pcapBytes({ packets: [{ bytes: counting(4) }] });
  const bomb = gzipSync(Buffer.concat([zeros, new Uint8Array(64 * 1024 * 1024)]));
  let most = 0;
  for await (const batch of readPackets(captureFile(file(bomb)))) most = Math.max(most, batch.length);
  // Records of 16 zeros: packets without bytes.
  expect(most).toBe(BATCH_PACKETS_MAX);
});

describe.skipIf(createZstdDecompress === undefined)('where Node can decompress Zstandard', () => {
  const framed = (bytes: Uint8Array, blockSize?: number) => zstdFrame(bytes, blockSize ? { blockSize } : {});

  test.each<[string, () => readonly Uint8Array[]]>([
    ['one frame', () => [framed(whole)]],
    ['one that was really compressed', () => [zstdCompressSync!(whole)]],
    ['frames one after the other', () => [framed(whole.subarray(0, 5000)), framed(whole.subarray(5000))]],
    ['frames to be skipped', () => [skippableFrame(70_000), framed(whole, 1000), skippableFrame(3, 5)]],
    ['many small frames', () => Array.from({ length: 300 }, (_, at) => framed(piece(at)))],
    ['a frame and something else', () => [framed(whole), counting(100_000)]],
  ])(
    'where Node can decompress Zstandard, a capture in %s is read as what was compressed',
    async (_name, frames) => {
      const expected = await readCapture(captureOf(whole));
      const { packets: found, fault } = await readCapture(captureFile(file(Buffer.concat(frames()))));
      expect(fault).toBeNull();
      expect(brief(found)).toEqual(brief(expected.packets));
    },
  );

  const piece = (at: number): Uint8Array => {
    const length = Math.ceil(whole.length / 300);
    return whole.subarray(at * length, (at + 1) * length);
  };

  test.each([
    ['in the middle', 0.5],
    ['before the last byte', 1],
  ])(
    'where Node can decompress Zstandard, a compressed capture that ends %s is a fault, after the packets before it',
    async (_name, part) => {
      const compressed = zstdFrame(whole, { blockSize: 10_000 });
      const length = Math.floor((compressed.length - 1) * part);
      const { packets: found, fault } = await readCapture(captureFile(file(compressed.subarray(0, length))));
      expect(fault).toMatchObject({ code: 'truncated', after: found.length });
      expect(fault!.message).toContain('the Zstandard data ends early');
      expect(found.length).toBeGreaterThan(100);
    },
  );

  test('where Node can decompress Zstandard, a compressed capture that ends early between two packets is a fault, too', async () => {
    const bytes = pcapBytes({ packets: packets.slice(0, 2) });
    const last = zstdFrame(new Uint8Array(0));
    const cut = Buffer.concat([zstdFrame(bytes), last.subarray(0, 7)]);
    const { packets: found, fault } = await readCapture(captureFile(file(cut)));
    expect(found).toHaveLength(2);
    expect(fault).toMatchObject({ code: 'truncated', after: 2 });
  });

  test('where Node can decompress Zstandard, a compressed capture that is damaged is a fault, after the packets before it', async () => {
    const unsure = file(zstdFrame(whole, { descriptor: 0x04 }));
    const { packets: found, fault } = await readCapture(captureFile(unsure));
    expect(fault).toMatchObject({ code: 'damaged', after: found.length });
    expect(fault!.message).toContain('the Zstandard data is damaged: ');
    expect(found.length).toBeGreaterThan(200);
  });

  test('where Node can decompress Zstandard, a compressed capture that needs too much memory is a fault that says how to read it', async () => {
    // A window of 2 GiB.
    const { fault } = await readCapture(captureFile(file(zstdFrame(whole, { header: [0xa8] }))));
    expect(fault).toMatchObject({ code: 'unreadable' });
    expect(fault!.message).toContain('decompress it first (zstd -d --long=31)');
  });

  test('where Node can decompress Zstandard, what was compressed is only held a little at a time, however much it becomes', async () => {
    const repeated = new Array<number>(4000).fill(128 * 1024);
    const bomb = file(Buffer.concat([zstdFrame(whole), zstdFrame(new Uint8Array(0), { repeated })]));
    let most = 0;
    let last = 0;
    for await (const block of captureFile(bomb).blocks()) {
      last += block.length;
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
    expect(last).toBe(whole.length + 500 * 1024 * 1024);
    expect(most).toBeLessThan(200 * 1024 * 1024);
  });
});

test.skipIf(createZstdDecompress !== undefined)(
  'where Node cannot decompress Zstandard, a capture in it is refused by name, with the way out',
  async () => {
    for (const bytes of [zstdFrame(whole), Buffer.concat([skippableFrame(4), zstdFrame(whole)])]) {
      const { packets: found, fault } = await readCapture(captureFile(file(bytes)));
      expect(found).toEqual([]);
      expect(fault).toMatchObject({ code: 'not-a-capture', position: 0, after: 0 });
      expect(fault!.message).toContain('compressed with Zstandard');
      expect(fault!.message).toContain(`Node ${process.versions.node} cannot read (22.15 and newer can)`);
      expect(fault!.message).toContain('decompress it first (zstd -d)');
    }
  },
);

describe('memory that is used again', () => {
  /** 6 MB of the client's bytes, in which every ninth packet comes five later. */
  const script = opened();
  const LENGTH = 1400;
  const late: number[] = [];
  for (let i = 0; i < 4500; i++) {
    const data = (which: number) =>
      Uint8Array.from({ length: LENGTH }, (_, at) => (which * 31 + at * 7) & 255);
    if (i % 9 === 3) late.push(i);
    else script.send('client', { position: i * LENGTH, data: data(i) });
    if (i % 9 === 8) {
      const which = late.pop()!;
      script.send('client', { position: which * LENGTH, data: data(which) });
    }
  }
  const shuffled = pcapOfSegments(script.close().segments);

  /** The bytes of the chunks, each looked at before the next batch is asked for. */
  const chunksOf = async (reuse: boolean): Promise<number[][]> => {
    const chunks: number[][] = [];
    for await (const events of readStreams(captureFile(file(shuffled), { reuse }))) {
      for (const event of events)
        if (event.type === 'chunk') chunks.push([event.position, event.bytes.length, crc32(event.bytes)]);
    }
    return chunks;
  };

  test('chunks are the same with memory that is used again, those that waited behind a hole among them', async () => {
    const [own, reused] = [await chunksOf(false), await chunksOf(true)];
    expect(own.length).toBe(4500);
    expect(reused).toEqual(own);
  });

  test('chunks that waited behind a hole stay as they are where memory is not used again', async () => {
    const kept: [Uint8Array, number][] = [];
    for await (const events of readStreams(captureFile(file(shuffled)))) {
      for (const event of events) if (event.type === 'chunk') kept.push([event.bytes, crc32(event.bytes)]);
    }
    expect(kept.every(([bytes, sum]) => crc32(bytes) === sum)).toBe(true);
  });
});
