/** Any conversation of any actor, recorded and trimmed, replays the same; with one byte changed it does not. */
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { defineActor } from '../../src/actor/actor.ts';
import { framed } from '../../src/actor/framed/framed.ts';
import { captureOf } from '../../src/capture/capture.ts';
import { captureFile } from '../../src/capture/capture-file.ts';
import { type ConversationLog, logConversations } from '../../src/capture/trim/conversation-log.ts';
import { writeLog } from '../../src/capture/trim/write-log.ts';
import { assertReplaysTheSame } from '../../src/testing.ts';
import type { Codec } from '../../src/wire/codec.ts';
import { delimited } from '../../src/wire/codecs/delimited.ts';
import { lines } from '../../src/wire/codecs/lines.ts';
import { jsonMessages, messages } from '../../src/wire/codecs/messages.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import { recordActor } from '../support/captures/recorded-actor.ts';
import { cases } from '../support/random/cases.ts';
import { tempFolder } from '../support/stores/temp-folder.ts';

const text = {
  decode: (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1'),
  encode: (message: string) => Buffer.from(message, 'latin1'),
};
/** Of messages that are texts. */
const codecs: Readonly<Record<string, Codec<string>>> = {
  lines: lines({ maxLength: 4000 }),
  length: messages(lengthField({ width: 2, maxLength: 4000 }), text),
  'little-endian length': messages(lengthField({ width: 4, endian: 'little', maxLength: 4000 }), text),
  varint: messages(lengthField({ width: 'varint', maxLength: 4000 }), text),
  delimited: messages(delimited(Uint8Array.of(0), { maxLength: 4000 }), text),
  json: jsonMessages(lengthField({ width: 4, maxLength: 8000 })) as Codec<string>,
};

/** Answers each message with itself and the number of those before, so many times as the number says. */
const counting = (codec: Codec<string>, replies: number) =>
  defineActor<{ state: number }>()({
    codec,
    initial: () => 0,
    reduce: (count, event) => {
      if (event.type !== 'message') return { state: count };
      const times = (count % replies) + 1;
      const effects = Array.from({ length: times }, (_, at) => ({
        type: 'send' as const,
        message: `${count}.${at} ${event.message}`,
      }));
      return { state: count + 1, effects };
    },
  });

const words = fc.string({ unit: fc.constantFrom(...'abcdefgh XYZ12'), maxLength: 60 });
const message = fc.oneof(
  { weight: 5, arbitrary: words },
  fc.integer({ min: 1000, max: 3900 }).map((length) => 'long '.repeat(length).slice(0, length)),
);
const conversation = fc.record({
  codec: fc.constantFrom(...Object.keys(codecs)),
  replies: fc.integer({ min: 1, max: 3 }),
  said: fc.array(message, { minLength: 1, maxLength: 8 }),
  /** Whether the client waits for a reply before it goes on. */
  waits: fc.boolean(),
  seed: fc.integer({ min: 0, max: 2 ** 30 }),
});

interface Talk {
  readonly codec: string;
  readonly replies: number;
  readonly said: readonly string[];
  readonly waits: boolean;
}

async function recordedLog({ codec: name, replies, said, waits }: Talk) {
  const codec = codecs[name]!;
  const actor = counting(codec, replies);
  const path = `${tempFolder()}/talk.pcapng`;
  await recordActor(path, actor, async (connection) => {
    const client = framed(connection, codec);
    let count = 0;
    for (const message of said) {
      await client.send(message);
      for (let at = 0; waits && at < (count % replies) + 1; at++) await client.next();
      count++;
    }
    client.end();
    while ((await client.next()) !== undefined);
  });
  const log = await logConversations(captureFile(path), { maxBytes: 1e9, maxConversations: 10 });
  return { actor, log };
}

const captured = (log: ConversationLog) => captureOf(writeLog(log).bytes);

describe('a recorded conversation of an actor', () => {
  test.prop([conversation], { numRuns: cases(60) })(
    'any recorded conversation of an actor replays the same, in any cuts',
    async ({ seed, ...talk }) => {
      const { actor, log } = await recordedLog(talk);
      await assertReplaysTheSame(captured(log), actor, { seed, runs: 2, conversation: 0 });
    },
  );

  test.prop([conversation, fc.nat(), fc.integer({ min: 1, max: 255 })], { numRuns: cases(60) })(
    'a recorded conversation with one changed byte does not replay the same, and the failure says where',
    async ({ seed, ...talk }, where, change) => {
      const { actor, log } = await recordedLog(talk);
      const chunks = log.events.flatMap((event) => (event.type === 'chunk' ? [event] : []));
      const total = chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
      let at = where % total;
      const { bytes } = chunks.find((chunk) => {
        if (at < chunk.bytes.length) return true;
        at -= chunk.bytes.length;
        return false;
      })!;
      // A last line that ends in CR alone is the same line.
      fc.pre(bytes[at] !== 0x0a || (bytes[at]! ^ change) !== 0x0d);
      bytes[at]! ^= change;
      const replayed = assertReplaysTheSame(captured(log), actor, { seed, runs: 1, stall: 200 });
      // A message that is no longer ended gets no reply: then the failure says how many came.
      await expect(replayed).rejects.toThrow(
        /^conversation 0 [\s\S]*(\n {2}reply \d+: |recorded were \d+ replies, and \d+ came)/,
      );
    },
  );
});
