/** Any conversations, trimmed, read back as they were: their chunks, what was seen, and how they ended. */
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { captureOf } from '../../../src/capture/capture.ts';
import type { Side } from '../../../src/capture/stream-event.ts';
import type { ConversationLog, LoggedEvent } from '../../../src/capture/trim/conversation-log.ts';
import { logConversations } from '../../../src/capture/trim/conversation-log.ts';
import { writeLog } from '../../../src/capture/trim/write-log.ts';
import { conversationEvents } from '../../support/captures/stream-events.ts';
import { pcapOfEvents } from '../../support/captures/stream-pcap.ts';
import { streamSummaries } from '../../support/captures/stream-summary.ts';
import { cases } from '../../support/random/cases.ts';
import { bytesFrom } from '../../support/random/seeded.ts';

const other = { client: 'server', server: 'client' } as const;
const side = fc.constantFrom<Side>('client', 'server');
const sent = fc.record({
  of: fc.nat({ max: 2 }),
  from: side,
  length: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constantFrom(1460, 65_492, 65_493, 100_000)),
  /** How much of what the other side has sent was seen, of 100. */
  seen: fc.nat({ max: 100 }),
});
const ending = fc.constantFrom('ended', 'reset', 'unfinished');

/** A log of three conversations, whose events are mixed. */
async function logOf(
  all: readonly { of: number; from: Side; length: number; seen: number }[],
  endings: readonly string[],
): Promise<ConversationLog> {
  const opened = [0, 1, 2].map((index) => conversationEvents(index, index).open());
  const { conversations } = await logConversations(captureOf(pcapOfEvents(opened)), {
    maxBytes: 1e9,
    maxConversations: 10,
  });
  let time = conversations[2]!.recorded.startedAt;
  const events: LoggedEvent[] = conversations.map((of) => ({
    type: 'open',
    of,
    time: of.recorded.startedAt,
  }));
  const at = conversations.map(() => ({ client: 0, server: 0 }));
  const seenBy = conversations.map(() => ({ client: 0, server: 0 }));
  for (const { of: index, from, length, seen: share } of all) {
    const of = conversations[index]!;
    const seen = Math.max(seenBy[index]![from], Math.floor((at[index]![other[from]] * share) / 100));
    seenBy[index]![from] = seen;
    const position = at[index]![from];
    at[index]![from] += length;
    time += 1000n;
    events.push({ type: 'chunk', of, from, position, bytes: bytesFrom(events.length, length), seen, time });
  }
  for (const [index, of] of conversations.entries()) {
    time += 1000n;
    const end = (type: 'end' | 'reset', from: Side) => {
      events.push({ type, of, from, position: at[index]![from], time });
    };
    if (endings[index] === 'reset') end('reset', 'server');
    if (endings[index] !== 'ended') continue;
    end('end', 'client');
    end('end', 'server');
  }
  return { conversations, events, leftOut: 0, fault: null };
}

/** The lines of `streamSummaries`; a chunk that is longer than a packet may be is in several. */
function linesOf({ conversations, events }: ConversationLog, endings: readonly string[]): string[][] {
  return conversations.map((conversation, index) => [
    ...events.flatMap((event) => {
      if (event.of !== conversation || event.type === 'open') return [];
      if (event.type !== 'chunk')
        return event.type === 'gap' ? [] : [`${event.from} ${event.position} ${event.type}`];
      const lines: string[] = [];
      for (let at = 0; at < event.bytes.length; at += 65_492) {
        const hex = Buffer.from(event.bytes.subarray(at, at + 65_492)).toString('hex');
        lines.push(`${event.from} ${event.position + at} ${hex} ${event.seen}`);
      }
      return lines;
    }),
    `close ${endings[index]}`,
  ]);
}

describe('any conversations', () => {
  test.prop([fc.array(sent, { maxLength: 25 }), fc.tuple(ending, ending, ending)], { numRuns: cases(100) })(
    'any conversations, trimmed, read back as the same chunks, with what was seen, and the same ends',
    async (all, endings) => {
      const log = await logOf(all, endings);
      const after = await streamSummaries(captureOf(writeLog(log).bytes), false, { checksums: 'verify' });
      expect(after.map(({ lines }) => lines)).toEqual(linesOf(log, endings));
    },
  );
});
