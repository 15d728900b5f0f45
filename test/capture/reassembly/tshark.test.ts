/** Wireshark's numbers of conversations are ours, on scripted openings and tuples that are used again. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { captureOf } from '../../../src/capture/capture.ts';
import { readStreams } from '../../../src/capture/read-streams.ts';
import { conversation, type Ends, opened, type Script } from '../../support/captures/segments.ts';
import { pcapOfSegments } from '../../support/captures/segments-pcap.ts';
import { shareSharkd } from '../../support/captures/sharkd.ts';
import { need } from '../../support/install-tools.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

const exchange = (ends: Ends, data: string): Script => opened(ends).client(data);
const cases: readonly (readonly [string, readonly Script[]])[] = [
  [
    'one after the other',
    [exchange({}, 'one').close(), exchange({ clientPort: 9, number: 20 }, 'two').close()],
  ],
  ['interleaved', [conversation().syn('client'), conversation({ clientPort: 7, number: 2 }).client('first')]],
  [
    'a tuple used again',
    [exchange({}, 'one').close(), exchange({ clientIsn: 9, serverIsn: 8, number: 20 }, 'two')],
  ],
  [
    'a tuple used again while open',
    [exchange({}, 'one'), exchange({ clientIsn: 9, serverIsn: 8, number: 20 }, 'two')],
  ],
  ['in mid-stream', [conversation().client('one').server('two')]],
  ['a SYN that comes again', [conversation().syn('client').syn('client').synAck('server').client('one')]],
  [
    'both open at once',
    [conversation().syn('client').syn('server').synAck('client').synAck('server').client('x')],
  ],
  ['a RST alone', [conversation().rst('server'), conversation({ clientPort: 3, number: 2 }).client('x')]],
  ['bytes after a RST', [exchange({}, 'one').rst('server').client('two')]],
];

const sharkd = shareSharkd();

describe.skipIf(!need('tshark'))('conversations as Wireshark numbers them', () => {
  test.each(cases)('conversations are numbered as Wireshark numbers them: %s', async (_, scripts) => {
    const bytes = pcapOfSegments(scripts.flatMap(({ segments }) => segments));
    const path = join(tempFolder(), 'case.pcap');
    await writeFile(path, bytes);
    const { load, packets } = await sharkd();
    await load(path);
    const numbered = await packets({ filter: 'tcp', fields: ['tcp.stream'] });
    const theirs = new Set(numbered.map(({ values }) => Number(values[0])));
    const ours = new Set<number>();
    for await (const events of readStreams(captureOf(bytes))) {
      for (const event of events) if (event.type === 'open') ours.add(event.conversation.index);
    }
    expect([...ours].sort()).toEqual([...theirs].sort());
  });
});
