/** The reading of captures as a page does it: of a Blob, without Node's own decompressors. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { captureOf } from '../../../src/capture/capture.ts';
import { inspect } from '../../../src/capture/inspect/inspect.ts';
import { createCollector } from '../../../src/web/inspect/data/collect.ts';
import { FILE_LIMITS } from '../../../src/web/inspect/data/limits.ts';
import type { PageUpdate } from '../../../src/web/inspect/data/page-data.ts';
import { blobCapture } from '../../../src/web/inspect/read/blob-capture.ts';
import { followSide } from '../../../src/web/inspect/read/follow-side.ts';
import { inspectOptionsOf } from '../../../src/web/inspect/read/framing.ts';
import { readCapture } from '../../../src/web/inspect/read/read-capture.ts';
import { pathOf } from '../../support/install-tools.ts';
import { eventfulCapture, FIELDS, framed } from '../../support/web/inspect-capture.ts';

const golden = [
  'postgresql.pcap',
  'sluice.pcapng',
  'holes.pcap',
  'dns-ipv6.pcapng',
  'lossy.pcap',
  'snapped.pcap',
];
const bytesOf = (name: string): Buffer => readFileSync(`test/golden/captures/${name}`);
const blob = (...parts: readonly Uint8Array[]): Blob => new Blob(parts.map((part) => new Uint8Array(part)));

/** All updates, each given out only once the one before it was taken. */
async function updatesOf(of: Blob, every = false): Promise<PageUpdate[]> {
  const updates: PageUpdate[] = [];
  let clock = 0;
  await readCapture(
    blobCapture(of, 'a.pcap'),
    {},
    {
      update: (update) => updates.push(update),
      isTaken: () => every,
      now: () => {
        clock += 1000;
        return clock;
      },
      limits: { ...FILE_LIMITS, updated: every ? 1 : 500 },
    },
  );
  return updates;
}

test.each(golden)('a page reads %s as the command line does', async (name) => {
  const collector = createCollector('a.pcap', { framingHint: 'choose one above, and read it again' });
  for await (const events of inspect(captureOf(bytesOf(name), 'a.pcap')))
    for (const event of events) collector.take(event);
  expect(await updatesOf(blob(bytesOf(name)))).toEqual([collector.flush()]);
});

test('what is read in many updates is the same as what is read in one', async () => {
  const [whole] = await updatesOf(blob(bytesOf('postgresql.pcap')));
  const many = await updatesOf(blob(bytesOf('postgresql.pcap')), true);
  expect(many.length).toBeGreaterThan(2);
  expect(Math.max(...many.map(({ conversations }) => conversations.length))).toBe(1);
  expect(many.at(-1)!.totals).toEqual(whole!.totals);
  for (const { index, sides } of whole!.conversations) {
    const mine = many.flatMap(({ conversations }) => conversations.filter((it) => it.index === index));
    for (const side of ['client', 'server'] as const) {
      const parts = mine.map((it) => it.sides[side]);
      expect(parts.flatMap(({ frames }) => [...frames])).toEqual([...sides[side].frames]);
      expect(parts.flatMap(({ chunkBytes }) => [...chunkBytes])).toEqual([...sides[side].chunkBytes]);
      expect(parts.at(-1)!.counts).toEqual(sides[side].counts);
    }
  }
});

test('a page reads what is compressed with gzip', async () => {
  const bytes = bytesOf('postgresql.pcap');
  expect(await updatesOf(blob(gzipSync(bytes)))).toEqual(await updatesOf(blob(bytes)));
});

test.skipIf(pathOf('zstd') === undefined)(
  'a page reads what is compressed with Zstandard, in one frame or several, and says where it is cut off',
  async () => {
    const bytes = bytesOf('postgresql.pcap');
    const packed = (part: Uint8Array): Buffer => execFileSync('zstd', ['-c', '-q'], { input: part });
    const whole = await updatesOf(blob(bytes));
    expect(await updatesOf(blob(packed(bytes)))).toEqual(whole);
    const halves = [bytes.subarray(0, 9000), bytes.subarray(9000)].map(packed);
    expect(await updatesOf(blob(...halves))).toEqual(whole);
    const [cut] = await updatesOf(blob(packed(bytes).subarray(0, 4000)));
    expect(cut!.fault).toMatch(/a\.pcap: at byte \d+ of what was compressed: the Zstandard data ends early/);
  },
);

test.each([
  ['a text', Buffer.from('This is no capture at all.'), /neither pcap nor pcapng: it is text/],
  ['nothing', Buffer.alloc(0), /the file is empty/],
  ['a capture that is cut off', bytesOf('dns.pcap').subarray(0, 5000), /the file ends \d+ bytes into/],
  ['gzip that is damaged', gzipSync(bytesOf('dns.pcap')).fill(0, 200, 900), /the gzip data is damaged/],
])('a page says what is wrong with %s', async (_, bytes, fault) => {
  const [update] = await updatesOf(blob(bytes));
  expect(update!.fault).toMatch(fault);
});

test('a page reads a file in a browser that cannot read into memory that is given', async () => {
  const bytes = bytesOf('postgresql.pcap');
  const plain = {
    stream: () => new Response(new Uint8Array(bytes)).body!.pipeThrough(new TransformStream()),
  };
  expect(await updatesOf(plain as unknown as Blob)).toEqual(await updatesOf(blob(bytes)));
});

test('a file that cannot be read any more is a fault of the capture', async () => {
  const gone = {
    stream: () =>
      new ReadableStream({
        type: 'bytes',
        pull: (controller) => controller.error(new Error('NotReadableError')),
      }),
  } as unknown as Blob;
  const [update] = await updatesOf(gone);
  expect(update!.fault).toMatch(/^a\.pcap: the browser cannot read it/);
});

test('followSide gathers the bytes of one side, and says what is missing of them', async () => {
  const capture = () => blobCapture(blob(eventfulCapture()), 'a.pcap');
  const whole = await followSide(capture(), 0, 'client', 10);
  expect(Buffer.from(await whole.blob.arrayBuffer())).toEqual(framed);
  expect(Buffer.from(whole.first)).toEqual(framed.subarray(0, 10));
  expect(whole.note).toBe('');
  const holed = await followSide(capture(), 1, 'client', 1000);
  expect(Buffer.from(await holed.blob.arrayBuffer())).toEqual(
    Buffer.concat([framed.subarray(0, 7), framed.subarray(12)]),
  );
  expect(holed.note).toBe('5 bytes are not in the recording, the first at 7.');
});

test('the framing that was chosen becomes options of inspect', () => {
  expect(inspectOptionsOf({ by: 'automatic', fields: '' })).toEqual({});
  expect(inspectOptionsOf({ by: 'none', fields: '' })).toEqual({ preset: 'none' });
  expect(inspectOptionsOf({ by: 'dns', fields: '' })).toMatchObject({ preset: { name: 'dns' } });
  expect(inspectOptionsOf({ by: 'sluice', fields: '' })).toMatchObject({ preset: { name: 'sluice' } });
  expect(inspectOptionsOf({ by: 'length-field', fields: FIELDS }).framing).toBeDefined();
  expect(() => inspectOptionsOf({ by: 'length-field', fields: 'witdh=2' })).toThrow('did you mean width?');
});
