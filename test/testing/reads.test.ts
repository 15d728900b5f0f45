/** The matcher with what reads: frames, and pipelines of operators. */
import { concat, EMPTY, map, of, tap, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { RecordedConnection } from '../../src/capture/replay/recorded-connection.ts';
import { framesOf, matchers, type Pipeline } from '../../src/testing.ts';
import { deframe } from '../../src/wire/deframe/deframe.ts';
import { frames } from '../../src/wire/frames.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import { dns } from '../../src/wire/presets/dns.ts';
import { conversationEvents } from '../support/captures/stream-events.ts';
import { captured, codec, failure, golden, talk } from './replay-helpers.ts';

expect.extend(matchers);

describe('what reads', () => {
  test('the frames of both directions are the same however they are cut', async () => {
    await expect(golden('dns.pcap')).toReplayTheSame(framesOf(dns));
    await expect(golden('dns.pcap')).toReplayTheSame(framesOf(dns), { conversation: 2 });
    await expect(golden('dns.pcap')).toReplayTheSame(framesOf(lengthField({ width: 2, maxLength: 70_000 })));
  });

  test('a body is read to its end, however long it is', async () => {
    const { open, send, end, close } = conversationEvents();
    const field = lengthField({ width: 4, maxLength: 10_000_000 });
    const sent = Buffer.concat([
      ...field.encode(new Uint8Array(3_000_000)),
      ...field.encode(new Uint8Array(10)),
    ]);
    const capture = captured(open(), send('client', sent), end('client'), end('server'), close());
    await expect(capture).toReplayTheSame(framesOf(field), { runs: 1 });
  });

  test('a recording that the framing does not understand fails, and it is said where', async () => {
    expect(await failure(golden('dns.pcap'), framesOf(lengthField({ width: 4, maxLength: 1000 })))).toMatch(
      /^the recording is not understood: .* at byte 0 of what the client sent$/,
    );
    const small = lengthField({ width: 2, maxLength: 57 });
    expect(await failure(golden('dns.pcap'), framesOf(small), { conversation: 0 })).toMatch(
      /at byte \d+ of what the server sent$/,
    );
  });

  test('a message that is not whole at the end may be allowed, but not when there is none before it', async () => {
    const ending = (text: string) => {
      const { open, send, end, close } = conversationEvents();
      return captured(open(), send('client', text), end('client'), end('server'), close());
    };
    const framing = framesOf(lengthField({ width: 1, maxLength: 100 }));
    expect(await failure(ending('\x01a\x09b'), framing)).toMatch(
      /the stream ended .* at byte 2 of what the client sent$/,
    );
    await expect(ending('\x01a\x09b')).toReplayTheSame(framing, { allowIncomplete: true });
    await expect(ending('\x09b')).not.toReplayTheSame(framing, { allowIncomplete: true });
  });

  test('a pipeline of operators must emit the same in any cuts', async () => {
    const capture = talk('LINE 0', 'LINE 1');
    await expect(capture).toReplayTheSame(({ chunks$ }) => chunks$.pipe(frames(codec)));
    await expect(capture).toReplayTheSame(({ chunks$ }) =>
      chunks$.pipe(deframe(lengthField({ width: 1, maxLength: 255 }))),
    );
    const lengths = ({ chunks$ }: RecordedConnection) => chunks$.pipe(map((chunk) => chunk.length));
    expect(await failure(capture, lengths, { seed: 1, runs: 20 })).toMatch(/event [12] differs/);
    await expect(capture).toReplayTheSame(
      ({ chunks$ }) =>
        chunks$.pipe(
          toArray(),
          map((all) => ({ chunks: all.length, bytes: 14 })),
        ),
      { ignore: ['chunks'] },
    );
  });

  test('a pipeline that emits nothing has nothing that could be compared', async () => {
    expect(await failure(talk('LINE 0'), ({ chunks$: _ }) => EMPTY)).toBe(
      'the pipeline has emitted nothing, so there is nothing that could be compared',
    );
  });

  test('a pipeline that answers is refused, as its answers would not be compared', async () => {
    const answering: Pipeline = ({ chunks$, write }) =>
      chunks$.pipe(
        frames(codec),
        tap((line) => write([Buffer.from(line)], () => {})),
      );
    expect(await failure(talk('LINE 0'), answering)).toMatch(
      /^the pipeline writes to its connection.*service\(…\)$/,
    );
  });

  test('a pipeline that returns no Observable is refused with a sentence', async () => {
    expect(await failure(talk('LINE 0'), ((_: unknown) => 7) as never)).toContain(
      'the pipeline: what it returns must be an Observable',
    );
    expect(await failure(talk('LINE 0'), () => 7 as never)).toContain('must be an actor or a service');
  });

  test('a pipeline that errors in some cuts only is found', async () => {
    const fragile: Pipeline = ({ chunks$ }) =>
      concat(
        of('begun'),
        chunks$.pipe(
          map((chunk) => {
            if (!chunk.includes(10)) throw new Error('half a line');
            return 'a line';
          }),
        ),
      );
    expect(await failure(talk('LINE 0'), fragile)).toContain('half a line');
  });
});
