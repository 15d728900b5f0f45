/** What a trimmed capture of Sluice's wire hides: what a recorder hides. */
import { describe, expect, test } from 'vitest';
import { captureOf } from '../../../src/capture/capture.ts';
import type { StreamEvent } from '../../../src/capture/stream-event.ts';
import { logConversations } from '../../../src/capture/trim/conversation-log.ts';
import { redactLog } from '../../../src/capture/trim/redact-log.ts';
import { writeLog } from '../../../src/capture/trim/write-log.ts';
import { conversationEvents } from '../../support/captures/stream-events.ts';
import { pcapOfEvents } from '../../support/captures/stream-pcap.ts';
import { frame, putFrame, rawFrame } from '../../support/network/peer.ts';
import { bytesFrom } from '../../support/random/seeded.ts';

const SECRET = 'swordfish-7';
const hello = frame({ cmd: 'hello', token: SECRET });

async function redacted(events: readonly StreamEvent[]): Promise<Buffer> {
  const log = await logConversations(captureOf(pcapOfEvents(events)), {
    maxBytes: 1e9,
    maxConversations: 10,
  });
  redactLog(log);
  return Buffer.from(writeLog(log).bytes);
}

const over = ({ end, close }: ReturnType<typeof conversationEvents>) => [
  end('client'),
  end('server'),
  close(),
];

describe('a redacted log', () => {
  test.each([1, 3, 7, 1400])(
    'a redacted log has stars for a token, in chunks of %i bytes, and everything else as it was',
    async (length) => {
      const of = conversationEvents();
      const sent = Buffer.concat([hello, putFrame('a.txt', SECRET)]);
      const chunks: StreamEvent[] = [];
      for (let at = 0; at < sent.length; at += length) {
        chunks.push(of.send('client', sent.subarray(at, at + length)));
      }
      const bytes = await redacted([of.open(), ...chunks, ...over(of)]);
      if (length > sent.length) {
        expect(bytes.includes(`"token":"${'*'.repeat(SECRET.length)}"`)).toBe(true);
        // What a file says is its own business.
        expect(bytes.includes(`"filesize":${SECRET.length}}${SECRET}`)).toBe(true);
      }
      expect(bytes.includes(`"token":"${SECRET}`)).toBe(false);
    },
  );

  test('a redacted log hides what cannot be read as frames, and what the server quotes of it', async () => {
    const of = conversationEvents();
    const hex = Buffer.from(SECRET).toString('hex');
    const error = { code: 'bad-header', message: SECRET, hex, ascii: SECRET };
    const events = [of.send('client', rawFrame(`token ${SECRET}`)), of.send('server', frame({ error }))];
    const bytes = await redacted([of.open(), ...events, ...over(of)]);
    expect(bytes.includes(SECRET)).toBe(false);
    expect(bytes.includes(hex)).toBe(false);
    expect(bytes.includes('"code":"bad-header"')).toBe(true);
  });

  test('a redacted log hides a token behind missing bytes of a body, and all behind missing bytes of a head', async () => {
    const put = putFrame('a', bytesFrom(1, 3000));
    const [body, head] = [conversationEvents(0), conversationEvents(1)];
    const bytes = await redacted([
      body.open(),
      body.send('client', put.subarray(0, 1000)),
      body.gap('client', 500),
      body.send('client', put.subarray(1500)),
      body.send('client', Buffer.concat([hello, frame({ cmd: 'ping' })])),
      ...over(body),
      head.open(),
      head.send('client', frame({ cmd: 'list' }).subarray(0, 10)),
      head.gap('client', 100),
      head.send('client', hello),
      ...over(head),
    ]);
    expect(bytes.includes(SECRET)).toBe(false);
    // Frames are found again behind the body.
    expect(bytes.includes('{"cmd":"ping"}')).toBe(true);
    expect(bytes.toString('latin1').match(/"cmd":"hello"/g)).toHaveLength(1);
  });

  test('a redacted log hides all behind more missing bytes than are looked through', async () => {
    const of = conversationEvents();
    const put = frame({ cmd: 'put', filename: 'a', filesize: 2 ** 26 });
    const events = [of.send('client', put), of.gap('client', 2 ** 26 - 10), of.send('client', 'ten bytes.')];
    const bytes = await redacted([of.open(), ...events, of.send('client', hello), ...over(of)]);
    expect(bytes.includes(SECRET)).toBe(false);
    expect(bytes.includes('*'.repeat(10))).toBe(true);
  });
});
