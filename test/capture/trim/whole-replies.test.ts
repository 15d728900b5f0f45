/** A reply that is not whole at the end of a recording is left out of a trimmed one. */
import { describe, expect, test } from 'vitest';
import { captureOf } from '../../../src/capture/capture.ts';
import type { StreamEvent } from '../../../src/capture/stream-event.ts';
import { logConversations } from '../../../src/capture/trim/conversation-log.ts';
import { onlyWholeReplies } from '../../../src/capture/trim/whole-replies.ts';
import { writeLog } from '../../../src/capture/trim/write-log.ts';
import { lengthField } from '../../../src/wire/length-field.ts';
import { conversationEvents } from '../../support/captures/stream-events.ts';
import { pcapOfEvents } from '../../support/captures/stream-pcap.ts';
import { streamSummaries } from '../../support/captures/stream-summary.ts';

const bounds = { maxBytes: 1e6, maxConversations: 10 };
const framing = (delivery: 'whole' | 'stream') => () =>
  lengthField({ width: 1, maxLength: 100, delivery: () => delivery });

async function linesOf(events: readonly StreamEvent[], delivery: 'whole' | 'stream' = 'stream') {
  const log = await logConversations(captureOf(pcapOfEvents(events)), bounds);
  const written = writeLog(onlyWholeReplies(log, framing(delivery)));
  return (await streamSummaries(captureOf(written.bytes), false)).map(({ lines }) => lines);
}

describe('a reply that is not whole', () => {
  test.each(['whole', 'stream'] as const)(
    'a reply that is cut off at the end is left out, %s',
    async (delivery) => {
      const { open, send, close } = conversationEvents();
      const events = [
        open(),
        send('client', 'ask'),
        send('server', '\x02ab\x05cd'),
        send('client', 'more'),
        send('server', 'e'),
        close('unfinished'),
      ];
      expect(await linesOf(events, delivery)).toEqual([
        ['client 0 61736b 0', 'server 0 026162 3', 'client 3 6d6f7265 3', 'close unfinished'],
      ]);
    },
  );

  test('a reply during which the client, or the server, has reset the connection is left out', async () => {
    for (const from of ['client', 'server'] as const) {
      const { open, send, reset, close } = conversationEvents();
      const events = [
        open(),
        send('client', 'ask'),
        send('server', '\x02ab\x05cd'),
        reset(from),
        close('reset'),
      ];
      expect(await linesOf(events)).toEqual([
        ['client 0 61736b 0', 'server 0 026162 3', `${from} 3 reset`, 'close reset'],
      ]);
    }
  });

  test('a server that has ended in the middle of a reply keeps it, and so does one that cannot be followed', async () => {
    const [ended, lost, faulty] = [conversationEvents(0), conversationEvents(1), conversationEvents(2)];
    const events = [
      ...[ended.open(), ended.send('server', '\x05cd'), ended.end('server'), ended.close('unfinished')],
      ...[lost.open(), lost.send('server', '\x05'), lost.gap('server', 2), lost.send('server', 'e')],
      ...[faulty.open(), faulty.send('server', '\xff\xff'), faulty.close('unfinished')],
    ];
    const log = await logConversations(captureOf(pcapOfEvents(events)), bounds);
    expect(onlyWholeReplies(log, framing('stream'))).toBe(log);
  });

  test('whole replies are kept as they are', async () => {
    const { open, send, close } = conversationEvents();
    const log = await logConversations(
      captureOf(
        pcapOfEvents([open(), send('server', '\x02ab'), send('server', '\x00'), close('unfinished')]),
      ),
      bounds,
    );
    expect(onlyWholeReplies(log, framing('whole'))).toBe(log);
  });
});
