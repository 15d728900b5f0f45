/** What the page shows of a recording, without a browser. */
import { describe, expect, test } from 'vitest';
import { sideNames } from '../../../src/web/inspect/data/page-data.ts';
import { type ConversationView, viewOf } from '../../../src/web/inspect/model/conversation-view.ts';
import {
  createInspector,
  type Inspector,
  openConversation,
  setFilter,
  setUnit,
  take,
} from '../../../src/web/inspect/model/inspector.ts';
import { frameSpan, itemAt, itemSpan, layoutOf } from '../../../src/web/inspect/model/layout.ts';
import { listed, type Order } from '../../../src/web/inspect/model/list.ts';
import { notableConversation, notableItem } from '../../../src/web/inspect/model/notable.ts';
import { createRecordingStore, type Recording } from '../../../src/web/inspect/model/recording.ts';
import { overall } from '../../../src/web/inspect/model/scale.ts';
import { createSearching } from '../../../src/web/inspect/model/searching.ts';
import {
  framesByTime,
  stepThroughFrames,
  stepThroughMarks,
} from '../../../src/web/inspect/model/stepping.ts';
import { handshake, pcapOf, segments } from '../../support/captures/tcp-pcap.ts';
import { eventfulCapture, framed } from '../../support/web/inspect-capture.ts';
import { recordingOf } from '../../support/web/inspected.ts';

const eventful = (): Promise<Recording> => recordingOf(eventfulCapture());
const inspected = async (recording: Promise<Recording> = eventful()): Promise<Inspector> => {
  const inspector = createInspector('a.pcap');
  take(inspector, await recording);
  return inspector;
};
const selectedIn = (inspector: Inspector): string => {
  const { conversation, selected } = inspector.state();
  const what = selected?.kind === 'frame' ? `frame ${selected.number}` : selected?.kind;
  return `${conversation?.it.index} ${selected?.side} ${what}`;
};

describe('where it opens', () => {
  test('a page opens at the first fault', async () => {
    expect(selectedIn(await inspected())).toBe('1 client fault');
  });

  test('a page opens at a conflict, a cut or a glue where there is nothing worse', async () => {
    const { conversations, ...rest } = await eventful();
    const only = (...indexes: readonly number[]): Promise<Recording> =>
      Promise.resolve({
        ...rest,
        conversations: conversations.filter(({ index }) => indexes.includes(index)),
      });
    expect(selectedIn(await inspected(only(0, 2)))).toBe('2 client conflict');
    expect(selectedIn(await inspected(only(0)))).toBe('0 client frame 3');
    const glued = recordingOf(pcapOf([...handshake(0), ...segments(0, 'client', framed, [1000])], 7000));
    expect(selectedIn(await inspected(glued))).toBe('0 client chunk');
    const plain = recordingOf(
      pcapOf([...handshake(0), ...segments(0, 'client', framed, [5, 3, 8, 102])], 7000),
    );
    expect(selectedIn(await inspected(plain))).toBe('0 undefined undefined');
    expect(notableConversation([])).toBeUndefined();
  });

  test('a page that is read goes to what is more telling, until somebody has chosen', async () => {
    const recording = await eventful();
    const first = { ...recording, conversations: recording.conversations.slice(0, 1) };
    const inspector = await inspected(Promise.resolve(first));
    expect(selectedIn(inspector)).toBe('0 client frame 3');
    take(inspector, recording);
    expect(selectedIn(inspector)).toBe('1 client fault');
    const chosen = await inspected(Promise.resolve(first));
    chosen.set({ isChosen: true });
    take(chosen, recording);
    expect(selectedIn(chosen)).toBe('0 client frame 3');
  });

  test('what is selected stays so when more of its conversation is read', async () => {
    const recording = await eventful();
    const inspector = await inspected(Promise.resolve(recording));
    inspector.set({ isChosen: true });
    const more = recording.conversations.map((it) => ({ ...it, version: it.version + 1 }));
    take(inspector, { ...recording, conversations: more });
    expect(inspector.state().conversation!.it).toBe(more[1]);
    expect(selectedIn(inspector)).toBe('1 client fault');
  });
});

describe('the list', () => {
  const indexes = async (text: string, onlyFaults = false, order: Order = 'number'): Promise<number[]> =>
    listed((await eventful()).conversations, { text, onlyFaults, order }).map(({ index }) => index);

  test('the list is filtered by address, protocol, number and by what is wrong', async () => {
    expect(await indexes('')).toEqual([0, 1, 2]);
    expect(await indexes('10.0.0.1:40001')).toEqual([1]);
    expect(await indexes('CUSTOM 40002')).toEqual([2]);
    expect(await indexes('#0')).toEqual([0]);
    expect(await indexes('nobody')).toEqual([]);
    expect(await indexes('', true)).toEqual([1, 2]);
    expect(await indexes('40001', true)).toEqual([1]);
  });

  test.each([
    ['start', [0, 1, 2]],
    ['size', [0, 2, 1]],
    ['frames', [0, 2, 1]],
    ['faults', [1, 2, 0]],
    ['duration', [0, 2, 1]],
  ] as const)('the list is sorted by %s', async (order, sorted) => {
    expect(await indexes('', false, order)).toEqual(sorted);
  });

  test('the list is made anew when the filter changes', async () => {
    const inspector = await inspected();
    setFilter(inspector, { onlyFaults: true, order: 'size' });
    expect(inspector.state().list.map(({ index }) => index)).toEqual([2, 1]);
  });
});

describe('the axes', () => {
  const view = async (index = 0): Promise<ConversationView> =>
    viewOf((await eventful()).conversations[index]!);

  test('on the axis of true time, equal times are equal widths, and what took no time is a line', async () => {
    const it = await view();
    const lane = it.lanes.client;
    const layout = layoutOf(overall('true', it.duration), 1000);
    // The third frame came in three packets, a millisecond apart; the first two in one.
    const [first, , third] = lane.frames.map((frame) => frameSpan(layout, lane, frame));
    expect(third!.right - third!.left).toBeCloseTo(layout.x(2e6) - layout.x(0), 5);
    expect(first!.right - first!.left).toBe(1);
    const packed = layoutOf(overall('time', it.duration), 1000);
    const wide = frameSpan(packed, lane, lane.frames[0]!);
    expect(wide.right - wide.left).toBeGreaterThan(20);
  });

  test('a conflict is above the chunks, and is found by the pointer there', async () => {
    const it = await view(2);
    const lane = it.lanes.client;
    const layout = layoutOf(overall('bytes', it.bytes), 1000);
    expect(lane.conflicts).toMatchObject([{ position: 30, end: 33 }]);
    const { left } = itemSpan(layout, lane, lane.conflicts[0]!);
    expect(itemAt(layout, it.lanes, left + 1, 30)).toBe(lane.conflicts[0]);
    expect(itemAt(layout, it.lanes, left + 1, 60)?.kind).toBe('chunk');
  });

  test('a change of the axis keeps what is selected in sight', async () => {
    const inspector = await inspected();
    for (const unit of ['time', 'true', 'bytes'] as const) {
      setUnit(inspector, unit);
      const { view: now, conversation, selected } = inspector.state();
      const { left, right } = itemSpan(layoutOf(now, 1000), conversation!.lanes.client, selected!);
      expect(left).toBeGreaterThanOrEqual(0);
      expect(right).toBeLessThanOrEqual(1006);
    }
  });
});

describe('from one to the next', () => {
  test('stepping goes through the frames of both sides by time, and through what is marked', async () => {
    const recording = await eventful();
    const inspector = await inspected(Promise.resolve(recording));
    openConversation(inspector, recording.conversations[0]!);
    const seen: string[] = [];
    for (let i = 0; i < 6; i++) {
      stepThroughFrames(inspector, 1);
      seen.push(selectedIn(inspector).slice(2));
    }
    expect(seen).toEqual([
      'client frame 1',
      'client frame 2',
      'client frame 3',
      'client frame 4',
      'server frame 1',
      'server frame 1',
    ]);
    stepThroughMarks(inspector, -1);
    expect(selectedIn(inspector)).toBe('0 client frame 3');
    openConversation(inspector, recording.conversations[1]!);
    stepThroughMarks(inspector, 1);
    const { selected } = inspector.state();
    stepThroughMarks(inspector, 1);
    expect(inspector.state().selected).not.toBe(selected);
    expect(framesByTime(viewOf(recording.conversations[2]!))).toHaveLength(4);
  });

  test('a search goes through all conversations in steps, and can be given up', async () => {
    const inspector = await inspected();
    const turns: (() => void)[] = [];
    const searching = createSearching(inspector, (turn) => {
      turns.push(turn);
      return () => turns.splice(0);
    });
    const seek = (query: string): number => {
      searching.seek(query);
      while (turns.length > 0) turns.shift()!();
      return inspector.state().search.hits.length;
    };
    expect(seek('NEEDLE')).toBe(3);
    expect(selectedIn(inspector)).toBe('1 client chunk');
    searching.goTo(-1);
    expect(selectedIn(inspector)).toBe('2 client frame 4');
    expect(seek('0x0006 6566')).toBe(2);
    expect(seek('#3')).toBe(2);
    expect(seek('bytes are missing')).toBe(1);
    expect(seek('zebra')).toBe(0);
    expect(seek(' ')).toBe(0);
    expect(inspector.state().search.isOver).toBe(true);
  });
});

test('the items of a conversation are linked: chunks know their frames', async () => {
  const { lanes } = viewOf((await eventful()).conversations[0]!);
  expect(lanes.client.chunks.map(({ from, to }) => [from, to])).toEqual([
    [0, 3],
    [2, 3],
    [2, 3],
    [3, 4],
  ]);
  expect(sideNames.map((side) => lanes[side].frames.length)).toEqual([4, 1]);
});

test('updates are put together to one recording, in the order of the conversations', async () => {
  const store = createRecordingStore('a.pcap');
  expect(store.recording().conversations).toEqual([]);
  expect(notableItem(viewOf((await eventful()).conversations[2]!))?.kind).toBe('conflict');
});
