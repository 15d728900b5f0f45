/** Captures in real files, compressed or not, on standard input, and files that cannot be read. */
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { captureOf } from '../../src/capture/capture.ts';
import { captureFile } from '../../src/capture/capture-file.ts';
import type { Packet } from '../../src/capture/packet.ts';
import { readPackets } from '../../src/capture/read-packets.ts';
import { pcapBytes } from '../support/capture-bytes.ts';
import { counting, readingOf } from '../support/reading.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** 3 MB that do not compress to nothing. */
const packets = Array.from({ length: 300 }, (_, index) => ({
  bytes: Uint8Array.from({ length: 10_000 }, (_, at) => (at * at * (index + 1)) >> 5),
  time: BigInt(index) * 1000n,
}));
const whole = pcapBytes({ packets });

/** What tells packets apart, and is quickly compared. */
const brief = (found: readonly Packet[]) =>
  found.map(({ number, time, position, bytes }) => [number, time, position, crc32(bytes)]);

function file(bytes: Uint8Array): string {
  const path = join(tempFolder(), 'capture');
  writeFileSync(path, bytes);
  return path;
}

test('a file is read, and can be read again', async () => {
  const expected = await readingOf(captureOf(whole));
  const capture = captureFile(file(whole));
  for (let time = 0; time < 2; time++) {
    const { packets: found, fault, batches } = await readingOf(capture);
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
    await readingOf(captureFile(path));
    for await (const batch of readPackets(captureFile(path))) {
      expect(batch.length).toBeGreaterThan(0);
      break;
    }
  }
  expect(open()).toBeLessThanOrEqual(before);
});

test('an empty file is no capture', async () => {
  const { fault } = await readingOf(captureFile(file(new Uint8Array(0))));
  expect(fault).toMatchObject({ code: 'not-a-capture', position: 0, after: 0 });
  expect(fault!.message).toMatch(/capture: at byte 0: the file is empty$/);
});

test.each([
  ['is not there', () => join(tempFolder(), 'none'), 'there is no such file'],
  ['is below a file', () => join(file(whole), 'x'), 'there is no such file: a part of its path is not a dir'],
  ['is a directory', () => tempFolder(), 'it is a directory, and a capture is a file'],
])('a file that %s is unreadable', async (_, make, says) => {
  const path = make();
  const { packets: found, fault } = await readingOf(captureFile(path));
  expect(found).toEqual([]);
  expect(fault).toMatchObject({ code: 'unreadable', position: 0, after: 0 });
  expect(fault!.message).toBe(`${path}: ${fault!.message.slice(path.length + 2)}`);
  expect(fault!.message).toContain(says);
});

test('what fails after some packets says after which', async () => {
  const failing = {
    name: 'failing',
    async *blocks() {
      yield whole.subarray(0, 24 + 2 * 10_016 + 5);
      throw { code: 'unreadable', message: 'failing: the device failed', position: 20_061, after: 0 };
    },
  };
  const { packets: found, fault } = await readingOf(failing);
  expect(found).toHaveLength(2);
  expect(fault).toEqual({
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
  await expect(readingOf(broken)).rejects.toBe(bug);
});

test('a pipe is read, once', async () => {
  const path = join(tempFolder(), 'pipe');
  execFileSync('mkfifo', [path]);
  const writer = spawn('sh', ['-c', 'cat "$1" > "$2"', 'sh', file(whole), path]);
  const capture = captureFile(path);
  const { packets: found, fault } = await readingOf(capture);
  expect(fault).toBeNull();
  expect(found).toHaveLength(300);
  expect((await readingOf(capture)).fault).toMatchObject({
    code: 'unreadable',
    message: `${path}: it can be read only once, and was`,
  });
  writer.kill();
});

/** Reads standard input in a process of its own, once or twice. */
const reader = `
  const { captureFile } = await import(process.argv[1] + '/capture/capture-file.js');
  const { readPackets } = await import(process.argv[1] + '/capture/read-packets.js');
  const capture = captureFile('-');
  for (let time = 0; time < 2; time++) {
    let count = 0;
    try {
      for await (const packets of readPackets(capture)) count += packets.length;
      console.log(count);
    } catch ({ code, message }) {
      console.log(count, code, message);
    }
  }
`;
const dist = join(import.meta.dirname, '../../dist');

test.each([
  ['a pipe', 'cat "$0" | node --input-type=module -e "$1" "$2"'],
  ['a file', 'node --input-type=module -e "$1" "$2" < "$0"'],
])('- is standard input: %s, once', (_, command) => {
  const args = ['-c', command, file(whole), reader, dist];
  expect(execFileSync('sh', args, { encoding: 'utf8' }).split('\n')).toEqual([
    '300',
    '0 unreadable standard input: it can be read only once, and was',
    '',
  ]);
});

test('a file compressed with gzip is read as what was compressed', async () => {
  const expected = await readingOf(captureOf(whole));
  const { packets: found, fault } = await readingOf(captureFile(file(gzipSync(whole))));
  expect(fault).toBeNull();
  expect(brief(found)).toEqual(brief(expected.packets));
});

test('several that were compressed one after the other are one', async () => {
  const path = file(gzipSync(whole.subarray(0, 5_000)));
  appendFileSync(path, gzipSync(whole.subarray(5_000)));
  const { packets: found, fault } = await readingOf(captureFile(path));
  expect(fault).toBeNull();
  expect(found).toHaveLength(300);
});

test.each([1, 20_000, 2_000_000])(
  'what follows the compressed data never keeps the reader waiting (%i bytes)',
  async (length) => {
    const zeros = file(Buffer.concat([gzipSync(whole), new Uint8Array(length)]));
    const padded = await readingOf(captureFile(zeros));
    expect(padded.packets.length).toBeGreaterThan(250);

    const noise = file(Buffer.concat([gzipSync(whole), new Uint8Array(length).fill(7)]));
    const followed = await readingOf(captureFile(noise));
    expect(followed.packets.length).toBeGreaterThan(250);
    expect(followed.fault?.after ?? 300).toBe(followed.packets.length);
  },
);

test('compressed data that ends early or is damaged is told, after the packets before it', async () => {
  const compressed = gzipSync(whole);
  const cut = await readingOf(captureFile(file(compressed.subarray(0, compressed.length / 2))));
  expect(cut.fault).toMatchObject({ code: 'truncated', after: cut.packets.length });
  expect(cut.fault!.message).toContain('the gzip data ends early');
  expect(cut.packets.length).toBeGreaterThan(50);

  const damaged = Uint8Array.from(compressed);
  damaged.fill(0xff, compressed.length / 2, compressed.length / 2 + 100);
  const broken = await readingOf(captureFile(file(damaged)));
  expect(broken.fault).toMatchObject({ code: 'damaged', after: broken.packets.length });
  expect(broken.packets.length).toBeGreaterThan(50);

  // The checksum, behind everything.
  const unsure = Uint8Array.from(compressed);
  unsure[compressed.length - 5]! ^= 1;
  const checked = await readingOf(captureFile(file(unsure)));
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
  expect(most).toBe(4096);
});
