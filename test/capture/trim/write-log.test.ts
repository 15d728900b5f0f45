/** A trimmed capture reads back as the streams that it was made of, with other addresses and right checksums. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Capture, captureOf } from '../../../src/capture/capture.ts';
import { captureFile } from '../../../src/capture/capture-file.ts';
import type { Selection } from '../../../src/capture/inspect/selection.ts';
import type { StreamEvent } from '../../../src/capture/stream-event.ts';
import { type ConversationLog, logConversations } from '../../../src/capture/trim/conversation-log.ts';
import { writeLog } from '../../../src/capture/trim/write-log.ts';
import { conversationEvents } from '../../support/captures/stream-events.ts';
import { pcapOfEvents } from '../../support/captures/stream-pcap.ts';
import { streamSummaries } from '../../support/captures/stream-summary.ts';
import { complaints } from '../../support/captures/tshark.ts';
import { need } from '../../support/install-tools.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

const golden = 'test/golden/captures';
const files = readdirSync(golden).filter((name) => /\.pcap(ng)?$/.test(name));
/** Where packets come late, the trimmed capture has them later. */
const late = ['holes.pcap', 'midstream.pcapng', 'snapped.pcap'];

const log = (capture: Capture, only?: Selection, maxBytes = 2 ** 30): Promise<ConversationLog> =>
  logConversations(capture, { ...(only === undefined ? {} : { only }), maxBytes, maxConversations: 1000 });
const captured = (events: readonly StreamEvent[]) => captureOf(pcapOfEvents(events));
const written = async (capture: Capture, only?: Selection) =>
  captureOf(writeLog(await log(capture, only)).bytes);

describe('a trimmed capture', () => {
  test.each(files)(
    'a trimmed capture of %s reads back as the same streams, and has right checksums',
    async (name) => {
      const capture = captureFile(`${golden}/${name}`);
      const times = !late.includes(name);
      const before = await streamSummaries(capture, times);
      const after = await streamSummaries(await written(capture), times, { checksums: 'verify' });
      const inOrder = (lines: readonly string[]) => (times ? lines : [...lines].sort());
      expect(after.map(({ lines }) => inOrder(lines))).toEqual(before.map(({ lines }) => inOrder(lines)));
      expect(after.map(({ conversation }) => conversation.opening)).toEqual(
        before.map(({ conversation: { opening } }, at) =>
          // It begins in the middle because of its times alone: a SYN comes late.
          opening === 'midstream' && name === 'snapped.pcap' ? after[at]!.conversation.opening : opening,
        ),
      );
    },
  );

  test('a trimmed capture has no address of the recording, and keeps ports', async () => {
    const bytes = (await log(captureFile(`${golden}/sluice.pcapng`)).then(writeLog)).bytes;
    const hosts = (await streamSummaries(captureOf(bytes), false)).map(({ conversation }) => conversation);
    expect(new Set(hosts.map(({ client }) => client.split(':')[0]))).toEqual(new Set(['198.51.100.1']));
    expect(new Set(hosts.map(({ server }) => server))).toEqual(new Set(['192.0.2.1:8080']));
    expect(hosts.map(({ client }) => Number(client.split(':')[1]))).toEqual([
      38990, 38996, 39000, 39016, 39024, 39034, 39040,
    ]);
    expect(Buffer.from(bytes).includes(Buffer.from([127, 0, 0, 1]))).toBe(false);
  });

  test('a trimmed capture of one conversation has the packets of that one', async () => {
    const capture = captureFile(`${golden}/sluice.pcapng`);
    const [before, after] = [
      await streamSummaries(capture, true),
      await streamSummaries(await written(capture, 3), true),
    ];
    expect(after.map(({ lines }) => lines)).toEqual([before[3]!.lines]);
  });

  test('a trimmed capture tells two connections of the same addresses and ports apart', async () => {
    const ends = async (capture: Capture) =>
      (await streamSummaries(capture, false)).map(({ conversation }) => conversation);
    const capture = captureFile(`${golden}/reuse.pcap`);
    const before = (await ends(capture)).map(({ client, server }) => `${client} ${server}`);
    expect(new Set(before).size).toBeLessThan(before.length);
    const after = (await ends(await written(capture))).map(({ client, server }) => `${client} ${server}`);
    expect(new Set(after).size).toBe(before.length);
  });

  test('a trimmed capture keeps a chunk longer than a packet may be', async () => {
    const { open, send, end, close } = conversationEvents();
    const bytes = bytesFrom(1, 200_000);
    const events: StreamEvent[] = [open(), send('client', bytes), end('client'), end('server'), close()];
    const whole: ConversationLog = await log(captured(events));
    const [first] = whole.events.filter(({ type }) => type === 'chunk');
    const joined = { ...whole, events: [whole.events[0]!, { ...first!, bytes } as never] };
    const [after] = await streamSummaries(captureOf(writeLog(joined).bytes), false, { checksums: 'verify' });
    const hex = after!.lines.flatMap((line) => (line.startsWith('client') ? [line.split(' ')[2]] : []));
    expect(hex.join('')).toBe(bytes.toString('hex'));
  });
});

describe.skipIf(!need('tshark'))('Wireshark', () => {
  const whole = files.filter((name) => !late.includes(name));
  test.each(whole)('Wireshark has nothing to say against a trimmed capture of %s', async (name) => {
    const path = join(tempFolder(), 'trimmed.pcapng');
    writeFileSync(path, writeLog(await log(captureFile(`${golden}/${name}`))).bytes);
    // It takes a login of the original for malformed, too.
    expect(await complaints(path)).toEqual([]);
  });
});

describe('a gap', () => {
  test('a gap at the end of a side is read back, as the other side has acknowledged it', async () => {
    const { open, send, close } = conversationEvents();
    const whole = await log(
      captured([open(), send('client', 'asked'), send('server', 'answ'), close('unfinished')]),
    );
    const { of } = whole.events[0]!;
    const events = [...whole.events, { type: 'gap', of, from: 'server', position: 4, length: 3 } as const];
    const [after] = await streamSummaries(captureOf(writeLog({ ...whole, events }).bytes), false);
    expect(after!.lines).toContain('server 4 lacks 3');
  });
});

describe('the log of a capture', () => {
  test('a log ends at its bound, and says which conversations it cuts', async () => {
    const [one, two] = [conversationEvents(0), conversationEvents(1)];
    const events = [one.open(), one.send('client', 'all'), one.end('client'), one.end('server'), one.close()];
    const cut = [
      two.open(),
      two.send('client', bytesFrom(2, 5000)),
      two.send('client', 'the end'),
      two.close(),
    ];
    const { conversations, events: logged } = await log(captured([...events, ...cut]), undefined, 4000);
    expect(conversations.map(({ isCut }) => isCut)).toEqual([false, true]);
    const bytes = logged.flatMap((event) => (event.type === 'chunk' ? [event.bytes.length] : []));
    expect(bytes.reduce((sum, it) => sum + it, 0)).toBe(3 + 1400 * 2);
  });

  test('a log counts what a packet costs besides its bytes, so that its file is no larger than its bound', async () => {
    const { open, send, close } = conversationEvents();
    const letters = Array.from({ length: 2000 }, () => send('client', 'x'));
    const cut = await log(captured([open(), ...letters, close()]), undefined, 50_000);
    expect(writeLog(cut).bytes.length).toBeLessThan(52_000);
    expect(writeLog(cut).bytes.length).toBeGreaterThan(40_000);
  });

  test('a log says how many conversations there were beyond its bound', async () => {
    const capture = captureFile(`${golden}/sluice.pcapng`);
    const { conversations, leftOut } = await logConversations(capture, {
      maxBytes: 1e6,
      maxConversations: 4,
    });
    expect([conversations.length, leftOut]).toEqual([4, 3]);
  });

  test('a log has what came before the damage of a capture, and says what that is', async () => {
    const { open, send, end, close } = conversationEvents();
    const events = [open(), send('client', 'here'), send('client', 'there'), end('client'), close()];
    const whole = pcapOfEvents(events);
    const { fault, events: logged } = await log(captureOf(whole.subarray(0, whole.length - 50)));
    expect(fault).toMatchObject({ code: 'truncated' });
    expect(logged.filter(({ type }) => type === 'chunk')).toHaveLength(2);
    await expect(log(captureOf(whole.subarray(0, 10)))).rejects.toMatchObject({ code: 'truncated' });
  });

  test('a log knows what is missing of each side, and the first bytes of each, in however many chunks', async () => {
    const { open, send, gap, end, close } = conversationEvents();
    const events = [
      open(),
      ...[...'sixteen bytes are kept'].map((letter) => send('client', letter)),
      send('server', 'an answer'),
      gap('server', 7),
      send('server', 'more'),
      end('client'),
      end('server'),
      close(),
    ];
    const [conversation] = (await log(captured(events))).conversations;
    expect(conversation).toMatchObject({
      missing: { client: 0, server: 7 },
      bytes: { client: 22, server: 13 },
    });
    const { client, server } = conversation!.first;
    expect([client, server].map((bytes) => Buffer.from(bytes).toString())).toEqual([
      'sixteen bytes ar',
      'an answer',
    ]);
  });
});
