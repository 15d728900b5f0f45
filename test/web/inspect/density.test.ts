/** What is too much to be kept, or to be drawn one by one. */
import { describe, expect, test } from 'vitest';
import { addToBins, BINS, createBins } from '../../../src/web/inspect/data/density.ts';
import { counted, heightOf, noColumns, spread } from '../../../src/web/inspect/model/columns.ts';
import { viewOf } from '../../../src/web/inspect/model/conversation-view.ts';
import { frameSpan, layoutOf } from '../../../src/web/inspect/model/layout.ts';
import { overall } from '../../../src/web/inspect/model/scale.ts';
import { handshake, pcapOf, segments } from '../../support/captures/tcp-pcap.ts';
import { framed } from '../../support/web/inspect-capture.ts';
import { recordingOf } from '../../support/web/inspected.ts';

const sum = (numbers: ArrayLike<number>): number => Array.from(numbers).reduce((all, it) => all + it, 0);

describe('bins', () => {
  test('bins widen until everything is in them, and lose nothing', () => {
    const bins = createBins();
    for (let at = 0; at < 100_000; at += 7) addToBins(bins, 'chunks', at);
    addToBins(bins, 'cut', 2 ** 40);
    expect(bins.width * BINS).toBeGreaterThan(2 ** 40);
    expect(bins.width * BINS).toBeLessThanOrEqual(2 ** 41);
    expect(sum(bins.counts.chunks)).toBe(Math.ceil(100_000 / 7));
    expect(bins.counts.cut[2 ** 40 / bins.width]).toBe(1);
  });

  test('what has no row is counted where it is, by bytes and by time', async () => {
    const bytes = Buffer.concat(Array.from({ length: 100 }, () => framed));
    const packets = [...handshake(0), ...segments(0, 'client', bytes, [50])];
    const { conversations, totals } = await recordingOf(pcapOf(packets, 7000), {
      framesEach: 40,
      chunksEach: 10,
    });
    const { client } = viewOf(conversations[0]!).lanes;
    expect([client.frames.length, client.chunks.length]).toEqual([40, 10]);
    expect([totals.frames, client.counts.frames]).toEqual([400, 400]);
    for (const scale of ['bytes', 'time'] as const) {
      const bins = client.density![scale];
      expect([sum(bins.frames), sum(bins.chunks)]).toEqual([360, client.counts.chunks - 10]);
      expect(sum(bins.cut) + client.frames.filter(({ chunks }) => chunks > 1).length).toBe(client.counts.cut);
    }
  });

  test('what is in front of a fault has a row, however late it comes', async () => {
    const bytes = Buffer.concat(Array.from({ length: 50 }, () => framed));
    const packets = segments(0, 'client', bytes, [50]);
    const holed = packets.filter((_, i) => i < 100 || i > 103);
    const limits = { framesEach: 40, chunksEach: 10 };
    const { conversations } = await recordingOf(pcapOf([...handshake(0), ...holed], 7000), limits);
    const { client } = viewOf(conversations[0]!).lanes;
    const [fault] = client.faults;
    // Those that waited, and the one that the gap is in.
    expect(client.frames.length).toBe(57);
    expect(client.frames.at(-1)!.state).toBe('incomplete');
    expect(client.frames.at(-1)!.position).toBeLessThan(fault!.position);
    expect(client.frames.at(-1)!.end).toBeGreaterThan(fault!.position);
    expect(client.chunks.length).toBe(26);
    expect(sum(client.density!.bytes.frames)).toBe(client.counts.frames - 57);
    expect(sum(client.density!.bytes.chunks)).toBe(client.counts.chunks - 26);
  });

  test('on the packed axis of time, the last frame with a row does not cover those that have none', async () => {
    const bytes = Buffer.concat(Array.from({ length: 50 }, () => framed));
    const packets = [...handshake(0), ...segments(0, 'client', bytes, [50])];
    const { conversations } = await recordingOf(pcapOf(packets, 7000), { framesEach: 40 });
    const { lanes, duration } = viewOf(conversations[0]!);
    const layout = layoutOf(overall('time', duration), 10_000);
    const last = frameSpan(layout, lanes.client, lanes.client.frames.at(-1)!);
    expect(last.right).toBeLessThanOrEqual(layout.x(lanes.client.frames.at(-1)!.time) + 10_000 / 100);
  });

  test('where there is no room to count by place, there are the totals still', async () => {
    const packets = [...handshake(0), ...segments(0, 'client', framed, [50])];
    const { conversations } = await recordingOf(pcapOf(packets, 7000), { frames: 1, densities: 0 });
    expect(viewOf(conversations[0]!).lanes.client).toMatchObject({ density: null, counts: { frames: 4 } });
  });
});

describe('columns', () => {
  test('items that are too narrow are counted by pixel, the others are drawn', () => {
    const columns = noColumns(10);
    expect(counted(columns, { left: 0, right: 3 }, false)).toBe(false);
    expect(counted(columns, { left: 4, right: 5 }, false)).toBe(true);
    expect(counted(columns, { left: 4.2, right: 5.2 }, true)).toBe(true);
    expect(counted(columns, { left: -9, right: -8 }, true)).toBe(true);
    expect([...columns.count]).toEqual([0, 0, 0, 0, 2, 0, 0, 0, 0, 0]);
    expect([columns.marked[4], columns.most]).toEqual([1, 2]);
  });

  test('bins are spread over their pixels, and those in one pixel are added', () => {
    const bins = { width: 10, chunks: [8, 0, 4], frames: [], glued: [8, 0, 0], cut: [] };
    const wide = noColumns(60);
    spread(wide, layoutOf({ unit: 'bytes', from: 0, to: 30, length: 30 }, 60), bins, bins.chunks, bins.glued);
    expect(sum(wide.count)).toBeCloseTo(12, 3);
    expect(wide.count[0]).toBeCloseTo(0.4, 3);
    expect([wide.count[20], sum(wide.marked)]).toEqual([0, expect.closeTo(8, 3)]);
    const narrow = noColumns(1);
    spread(narrow, layoutOf(overall('bytes', 30), 1), bins, bins.chunks, bins.glued);
    expect(narrow.count[0]).toBeCloseTo(12, 3);
  });

  test('the height of a column grows with its count, and one is seen beside a million', () => {
    expect(heightOf(0, 5)).toBe(0);
    expect(heightOf(5, 5)).toBe(1);
    expect(heightOf(1, 1)).toBe(1);
    expect(heightOf(1, 1e6)).toBe(0.15);
    expect(heightOf(100, 1000)).toBeLessThan(heightOf(500, 1000));
  });
});
