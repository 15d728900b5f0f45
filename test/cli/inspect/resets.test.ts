/** RSTs, and the packets after them, in the table, as JSON, and on the page. */
import { expect, test } from 'vitest';
import { createInspector } from '../../../src/capture/inspect/inspect.ts';
import type { InspectEvent } from '../../../src/capture/inspect/inspect-event.ts';
import { TCP_FIN, TCP_RST, TCP_SYN } from '../../../src/capture/segment.ts';
import { jsonOf } from '../../../src/cli/inspect/json.ts';
import { createTable } from '../../../src/cli/inspect/table.ts';
import { createCollector } from '../../../src/web/inspect/data/collect.ts';
import type { PageUpdate } from '../../../src/web/inspect/data/page-data.ts';
import { conversation, reassembled, type Script } from '../../support/captures/segments.ts';

function inspected(script: Script): InspectEvent[] {
  const events: InspectEvent[] = [];
  const { take } = createInspector();
  for (const event of reassembled(script.segments)) take(event, (it) => events.push(it));
  return events;
}

function linesOf(script: Script, columns?: number): string[] {
  const lines: string[] = [];
  const table = createTable((line) => lines.push(line), {
    chunks: false,
    absolute: false,
    ...(columns === undefined ? {} : { columns }),
  });
  for (const event of inspected(script)) table.take(event);
  table.end();
  return lines;
}

const tableOf = (script: Script): string =>
  linesOf(script)
    .join('\n')
    .replaceAll(/\n {5,}/g, ' ');

function pageOf(script: Script): PageUpdate {
  const collector = createCollector('a.pcap');
  for (const event of inspected(script)) collector.take(event);
  return collector.flush();
}

const rows = (script: Script): unknown[] =>
  inspected(script)
    .filter(({ type }) => type === 'ignored' || type === 'after-reset' || type === 'close')
    .map(jsonOf);
const opened = (): Script => conversation().handshake().client('before');
const blind = (): Script =>
  opened()
    .ack('server')
    .send('server', { position: 899_999, flags: TCP_RST, ack: null })
    .send('client', { data: 'after', ack: 0 });
const followed = (): Script => opened().rst('server').client('late').client('r');
const late = (): Script => opened().rst('server').wait(60_000).client('late');
const outlived = (): Script => opened().rst('server').client('after').server('answer');

test('a RST outside of the window has a row with its position, and is counted', () => {
  const text = tableOf(blind());
  expect(text).toContain('a RST in packet 6, at 899,999, outside of the window, so that it ends nothing');
  expect(text).toContain('|after|');
  expect(text).toMatch(/0 gaps, 0 faults, 1 ignored$/);
});
test('a RST that was outlived has a row, and the stream goes on below it', () => {
  const text = tableOf(outlived());
  expect(text).toMatch(/a RST in packet 5, at 0, where it counts, ended nothing.*\|after\|.*\|answer\|/s);
});
test('bytes of an older connection have a row', () => {
  const script = conversation().syn('client').send('server', { data: 'old', ack: -9 });
  expect(tableOf(script)).toContain('3 bytes in packet 2, left out: they acknowledge what was before');
});
test('a FIN of an older connection has a row that explains it', () => {
  const script = conversation().syn('client').send('server', { flags: TCP_FIN, ack: -9 });
  expect(tableOf(script)).toContain('a FIN in packet 2, left out: it acknowledges what was before');
});
test('a RST that does not acknowledge the SYN has a row', () => {
  const script = conversation().syn('client').send('server', { position: 0, flags: TCP_RST, ack: null });
  script.send('server', { flags: TCP_SYN, position: 0 });
  expect(tableOf(script)).toContain('a RST in packet 2, which does not acknowledge the SYN, ends nothing');
});
test('packets after a reset are in the block of their conversation, and in the totals', () => {
  const text = tableOf(followed());
  expect(text).toMatch(
    /dropped the connection.*\n {4}2 packets, 5 bytes after the reset\n.*\n.*\n {4}reset after/,
  );
  expect(text).toMatch(/2 packets \(5 bytes\) after a reset$/);
});
test('packets after the block of their conversation have a line above the totals', () => {
  expect(tableOf(late())).toMatch(
    /\n#0: 1 packet, 4 bytes after the reset, from packet 6 on\n.*after a reset$/,
  );
});
test.each([40, 60, 80])('what follows the blocks fits in %i columns', (columns) => {
  const lines = linesOf(late(), columns);
  const end = lines.slice(lines.lastIndexOf('') + 1);
  expect(end.join(' ').replaceAll(/ +/g, ' ')).toContain(
    '#0: 1 packet, 4 bytes after the reset, from packet 6',
  );
  expect(end.filter((line) => line.length > columns)).toEqual([]);
});
test('the page counts packets that are ignored beside their side, and in its sum', () => {
  const { totals, conversations } = pageOf(blind());
  expect(totals).toMatchObject({ ignored: 1, conflicts: 0 });
  expect(conversations[0]!.sides).toMatchObject({
    client: { counts: { ignored: 0 } },
    server: { counts: { ignored: 1 } },
  });
});
test('the page counts bytes that came twice and differed beside their side, and in its sum', () => {
  const { totals, conversations } = pageOf(opened().send('client', { position: 0, data: 'beFore' }));
  expect(totals).toMatchObject({ ignored: 0, conflicts: 1 });
  expect(conversations[0]!.sides).toMatchObject({
    client: { counts: { conflicts: 1 } },
    server: { counts: { conflicts: 0 } },
  });
});
test('JSON has an object for each, with the numbers of their packets', () => {
  const at = '2023-11-14T22:13:20.005000000Z';
  expect(rows(blind())).toMatchObject([
    {
      type: 'ignored',
      from: 'server',
      why: 'outside',
      position: 899_999,
      length: 0,
      packet: 6,
      capturedAtIso: at,
    },
    { type: 'close', reason: 'unfinished' },
  ]);
  expect(rows(followed())).toEqual([
    { type: 'after-reset', conversation: 0, packets: 2, bytes: 5, firstPacket: 6 },
    expect.objectContaining({ type: 'close', reason: 'reset' }),
  ]);
  expect(rows(late())).toMatchObject([
    { type: 'close', reason: 'reset' },
    { type: 'after-reset', conversation: 0, packets: 1, bytes: 4, firstPacket: 6 },
  ]);
});
test('the page shows packets after a reset with how the conversation ended', () => {
  const endedOf = (script: Script): string => pageOf(script).conversations[0]!.ended;
  expect(endedOf(followed())).toMatch(/^reset after [^,]+, 2 packets, 5 bytes after the reset$/);
  expect(endedOf(late())).toMatch(/^reset after [^,]+, 1 packet, 4 bytes after the reset$/);
});
test('packets after a reset of a conversation that was not selected have no event', () => {
  const events: InspectEvent[] = [];
  const { take } = createInspector({ only: 1 });
  for (const event of reassembled(late().segments)) take(event, (it) => events.push(it));
  expect(events).toEqual([]);
});
