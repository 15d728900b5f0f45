/** The list of conversations: its order, what is kept of many, and its width. */
import { describe, expect, test } from 'vitest';
import type { InspectEvent } from '../../../src/capture/inspect/inspect-event.ts';
import type { Conversation } from '../../../src/capture/stream-event.ts';
import { createList, type ListOptions } from '../../../src/cli/inspect/list/list.ts';
import { createListRows } from '../../../src/cli/inspect/list/list-rows.ts';
import { columnNames, type Listed, listOrder } from '../../../src/cli/inspect/list/listed.ts';
import { painter } from '../../../src/cli/shared/color.ts';

const conversation = (index: number, client = `10.0.0.${index + 1}:40000`): Conversation => ({
  ...{ index, client, server: '[2001:db8:0:1:ff:ff:ff:ff]:5432' },
  startedAt: 1_700_000_000_000_000_000n + BigInt(index),
  opening: 'syn',
});
const totals = { packets: 0, bytes: 0, missing: 0, retransmitted: 0, outOfOrder: 0 };
const open = (index: number): InspectEvent => ({ type: 'open', conversation: conversation(index) });
const close = (index: number, after = 1n): InspectEvent => {
  const of = conversation(index);
  return {
    ...{ type: 'close', conversation: of, reason: 'ended', endedAt: of.startedAt + after },
    totals: { client: totals, server: totals },
  };
};
const chunk = (index: number, length: number): InspectEvent => ({
  ...{ type: 'chunk', conversation: conversation(index), from: 'client', position: 0, packet: 1, seen: null },
  ...{ capturedAt: 0n, deliverableAt: 0n },
  bytes: new Uint8Array(length),
});

function listed(events: readonly InspectEvent[], options?: ListOptions) {
  const rows: Listed[] = [];
  const list = createList((row) => rows.push(row), options);
  const before: number[] = [];
  for (const event of events) {
    list.take(event);
    before.push(rows.length);
  }
  const dropped = list.end();
  return { rows, numbers: rows.map((row) => row.conversation.index), before, dropped };
}

describe('the order of the list', () => {
  test('a row by number waits for conversations that began before it, and no longer', () => {
    const { numbers, before } = listed([open(0), open(1), close(1), open(2), close(0), close(2)]);
    expect(numbers).toEqual([0, 1, 2]);
    expect(before).toEqual([0, 0, 0, 0, 2, 3]);
  });

  test('a conversation that never ends does not hold more rows than may wait', () => {
    const others = [1, 2, 3, 4].flatMap((index) => [open(index), close(index)]);
    const { numbers, before } = listed([open(0), ...others], { waitingRowsMax: 2 });
    expect(before.at(-1)).toBe(3);
    expect(numbers).toEqual([1, 2, 3, 4]);
  });

  test.each([
    ['bytes', [1, 2, 0]],
    ['-bytes', [0, 2, 1]],
    ['duration', [2, 1, 0]],
    ['-NUMBER', [2, 1, 0]],
    ['faults', [0, 1, 2]],
  ])('--sort %s compares rows by that, and of equals the lower number is first', (column, numbers) => {
    const events = [0, 1, 2].flatMap((index) => [open(index), chunk(index, [30, 1, 2][index]!)]);
    const ends = [0, 1, 2].map((index) => close(index, [9n, 5n, 1n][index]!));
    expect(listed([...events, ...ends], { order: listOrder(column) }).numbers).toEqual(numbers);
  });

  test('addresses are in the order of their numbers', () => {
    const rows = [10, 9, 2].flatMap((index) => [open(index), close(index)]);
    expect(listed(rows, { order: listOrder('client') }).numbers).toEqual([2, 9, 10]);
  });

  test('of more rows than may wait, those that come first in the order are kept and the others counted', () => {
    const all = Array.from({ length: 50 }, (_, index) => [
      open(index),
      chunk(index, (index * 7) % 50),
      close(index),
    ]);
    const { numbers, dropped } = listed(all.flat(), { order: listOrder('-bytes'), waitingRowsMax: 3 });
    expect(numbers).toEqual([7, 14, 21]);
    expect(dropped).toBe(47);
  });

  test('a column that there is not is refused with the names of all', () => {
    expect(() => listOrder('byts')).toThrow(`Did you mean bytes? The columns are ${columnNames.join(', ')}.`);
  });
});

describe('the width of the list', () => {
  const rowsIn = (columns: number, events: readonly InspectEvent[]) => {
    const { names, row } = createListRows(columns, painter(false));
    return { names, lines: listed(events).rows.flatMap((one) => row(one).split('\n')) };
  };
  const namesIn = (columns: number) => rowsIn(columns, []).names?.trim().replace(/ +/g, ' ');

  test.each([
    [68, ['number', 'client', 'server', 'bytes →', 'bytes ←']],
    [80, ['number', 'protocol', 'client', 'server', 'bytes →', 'bytes ←']],
    [101, ['number', 'protocol', 'client', 'server', 'duration', 'bytes →', 'bytes ←', 'faults', 'gaps']],
  ])('%i columns have the most important of what there is to say', (columns, names) => {
    expect(namesIn(columns)).toBe(names.join(' '));
  });

  test('each conversation is one row from 68 columns on, with the port of a long address, and words below that', () => {
    const events = [open(0), chunk(0, 2048), close(0), open(1), close(1)];
    const { lines } = rowsIn(80, events);
    expect(lines).toEqual([
      '    #0 -          10.0.0.1:40000        [2001:…ff:ff:ff]:5432  2.0 KiB      0 B',
      '    #1 -          10.0.0.2:40000        [2001:…ff:ff:ff]:5432      0 B      0 B',
    ]);
    expect(rowsIn(200, events).lines).toHaveLength(2);
    expect(rowsIn(67, events).names).toBe(null);
    expect(rowsIn(67, events).lines.length).toBeGreaterThan(2);
  });

  test('a number is marked where a conversation has gaps or faults and the columns of them have no room', () => {
    const gap = { type: 'gap', conversation: conversation(0), from: 'client' } as InspectEvent;
    const events = [open(0), gap, close(0), open(1), close(1)];
    const numbers = (columns: number) =>
      rowsIn(columns, events).lines.map((line) => line.trim().split(' ')[0]);
    expect(numbers(80)).toEqual(['#0!', '#1']);
    expect(numbers(95)).toEqual(['#0!', '#1']);
    expect(numbers(101)).toEqual(['#0', '#1']);
  });
});

test.each([40, 60, 67, 68, 80, 95, 100, 133, 134, 160, 161, 200])(
  'no row is longer than %i columns',
  (columns) => {
    const { names, row } = createListRows(columns, painter(false));
    const [one] = listed([open(7), chunk(7, 1_234_567), close(7, 3n)]).rows;
    const lines = [...(names ?? '').split('\n'), ...row(one!).split('\n')];
    expect(lines.filter((line) => line.length > columns)).toEqual([]);
  },
);
