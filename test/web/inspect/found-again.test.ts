/** What the page shows of places at which frames are found again. */
import { expect, test } from 'vitest';
import { captureOf } from '../../../src/capture/capture.ts';
import { inspect } from '../../../src/capture/inspect/inspect.ts';
import { createCollector } from '../../../src/web/inspect/data/collect.ts';
import { viewOf } from '../../../src/web/inspect/model/conversation-view.ts';
import { FOUND_AGAIN, lossesOf } from '../../../src/web/inspect/model/items.ts';
import { notableItem } from '../../../src/web/inspect/model/notable.ts';
import { createRecordingStore } from '../../../src/web/inspect/model/recording.ts';
import { tls } from '../../../src/wire/presets/all.ts';
import { handshake, pcapOf, segments } from '../../support/captures/tcp-pcap.ts';
import { bytesFrom } from '../../support/random/seeded.ts';

/** A client's records, of 205 bytes each, without these packets of 1,000. */
async function viewWithout(...lost: readonly number[]) {
  const records = Array.from({ length: 60 }, (_, i) =>
    Buffer.concat([Buffer.from([23, 3, 3, 0, 200]), bytesFrom(i + 1, 200)]),
  );
  const opening = handshake(0);
  const packets = segments(0, 'client', Buffer.concat(records), [1000]).filter((_, at) => !lost.includes(at));
  const collector = createCollector('a.pcap');
  for await (const events of inspect(captureOf(pcapOf([...opening, ...packets], 443)), { preset: tls })) {
    for (const event of events) collector.take(event);
  }
  const { conversations, totals } = createRecordingStore('a.pcap').add(collector.flush());
  return { view: viewOf(conversations[0]!), totals };
}

test('frames are missing in the page from each fault up to where they are found again, and no further', async () => {
  const { view, totals } = await viewWithout(2, 7);
  const losses = lossesOf(view.lanes.client);
  expect(losses.map(({ fault }) => fault.code)).toEqual(['gap', 'gap']);
  for (const { fault, again } of losses) {
    expect(again?.position).toBeGreaterThan(fault.position);
    const between = view.lanes.client.frames.filter(
      ({ position }) => position >= fault.position && position < again!.position,
    );
    expect(between).toEqual([]);
    expect(view.lanes.client.frames.some(({ position }) => position === again!.position)).toBe(true);
  }
  expect(totals).toMatchObject({ faults: 2, gaps: 2 });
});

test('a fault behind which no frames are found again has none, and the page opens at a fault', async () => {
  const { view } = await viewWithout(11);
  expect(lossesOf(view.lanes.client)).toMatchObject([{ fault: { code: 'gap' }, again: undefined }]);
  expect(notableItem(view)).toMatchObject({ kind: 'fault', code: 'gap' });
  const found = await viewWithout(2);
  expect(found.view.lanes.client.faults.map(({ code }) => code)).toEqual(['gap', FOUND_AGAIN]);
});
