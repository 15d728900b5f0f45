/** The table of a recording fits in its terminal, whatever the recording has. */
import { describe, expect, test } from 'vitest';
import { createInspector } from '../../../src/capture/inspect/inspect.ts';
import type { InspectEvent } from '../../../src/capture/inspect/inspect-event.ts';
import { TCP_RST } from '../../../src/capture/segment.ts';
import { createTable } from '../../../src/cli/inspect/table.ts';
import { lengthField } from '../../../src/wire/length-field.ts';
import { conversation, reassembled } from '../../support/captures/segments.ts';

/** Frames that are glued and cut, a gap, a conflict, a RST that is ignored, one that is not, and what comes after it. */
function everything(): InspectEvent[] {
  const { segments } = conversation()
    .handshake()
    .client('\x02ab\x24a frame with a body that is as long')
    .wait(12)
    .client(' as this\x02cd')
    .send('client', { position: 0, data: '\x02aX' })
    .send('server', { position: 900_000, flags: TCP_RST, ack: null })
    .send('server', { position: 0, data: '\x03abc', ack: 50 })
    .send('client', { data: '\xff', ack: 60_000 })
    .send('server', { position: 60_000, data: '\x03ghi' })
    .send('server', { position: 60_004, flags: TCP_RST })
    .client('late')
    .wait(31_000);
  const later = conversation({ clientPort: 4, from: segments.at(-1)!.packet.time + 60_000_000_000n }).client(
    'z',
  );
  const events: InspectEvent[] = [];
  const { take } = createInspector({ framing: lengthField({ width: 1, maxLength: 250 }) });
  for (const event of reassembled([...segments, ...later.segments])) take(event, (it) => events.push(it));
  return events;
}

const events = everything();
function tableOf(columns: number | undefined, absolute = false): string[] {
  const lines: string[] = [];
  const table = createTable((line) => lines.push(...line.split('\n')), {
    chunks: true,
    absolute,
    ...(columns === undefined ? {} : { columns }),
  });
  for (const event of events) table.take(event);
  table.end();
  return lines;
}
const words = (lines: readonly string[]): string => lines.join(' ').replaceAll(/\s+/g, ' ');

test('the recording of these tests has an event of every kind', () => {
  const types = new Set(events.map(({ type }) => type));
  for (const type of ['frame', 'chunk', 'gap', 'conflict', 'ignored', 'reset', 'after-reset', 'close']) {
    expect(types).toContain(type);
  }
});

describe.each([40, 41, 60, 73, 74, 79, 80, 83, 84, 100, 132])('in %i columns', (columns) => {
  test.each([false, true])(`no line is longer than ${columns} columns, with times of day: %s`, (absolute) => {
    const lines = tableOf(columns, absolute);
    expect(lines.filter((line) => line.length > columns)).toEqual([]);
    expect(lines.filter((line) => line !== line.trimEnd())).toEqual([]);
  });

  test(`no words are lost in ${columns} columns but of labels`, () => {
    const all = words(tableOf(columns));
    for (const part of [
      'not in the recording, from 4 on',
      'a RST in packet 7, at 900,000, outside of the window, so that it ends nothing',
      'dropped the connection, both sides are over',
      '1 packet, 4 bytes after the reset',
      'bytes came twice and differed: 1 byte from 2 on, in packet 6',
    ]) {
      expect(all).toContain(part);
    }
    expect(all).toMatch(/glued/);
    expect(all).toMatch(/cut/);
  });
});

test.each([40, 80, 100])('the times of all rows and notes end in the same column of %i', (columns) => {
  const times = tableOf(columns).flatMap((line) => /^ {2}[→←] +\w+ +\d\.\d{6}/.exec(line)?.[0].length ?? []);
  expect(times.length).toBeGreaterThan(8);
  expect(new Set(times).size).toBe(1);
});
test('words that go on in another line are below each other', () => {
  const lines = tableOf(80);
  const at = lines.findIndex((line) => line.includes('ignored'));
  expect(lines[at]!.indexOf('a RST')).toBe(lines[at + 1]!.search(/\S/));
});
