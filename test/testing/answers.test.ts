/** The matcher against what answers: what it takes, what it finds, and what it says. */
import { NEVER, tap, throwError } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { defineActor } from '../../src/actor/actor.ts';
import { framed } from '../../src/actor/framed/framed.ts';
import { serveActors } from '../../src/actor/serve-actors.ts';
import { captureOf } from '../../src/capture/capture.ts';
import { captureFile } from '../../src/capture/capture-file.ts';
import { keyValueCodec, keyValues } from '../../src/demo/key-values.ts';
import { assertReplaysTheSame, fileServer, matchers, service } from '../../src/testing.ts';
import type { Codec } from '../../src/wire/codec.ts';
import { messages } from '../../src/wire/codecs/messages.ts';
import { rawBytes } from '../../src/wire/codecs/raw-bytes.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import { dns } from '../../src/wire/presets/dns.ts';
import { recordActor } from '../support/captures/recorded-actor.ts';
import { conversationEvents } from '../support/captures/stream-events.ts';
import { pcapOfEvents } from '../support/captures/stream-pcap.ts';
import { frame, putFrame } from '../support/network/peer.ts';
import { tempFolder, writeTree } from '../support/stores/temp-folder.ts';
import { captured, codec, echoing, failure, golden, talk, upper } from './replay-helpers.ts';

expect.extend(matchers);

describe('what answers', () => {
  test('the file server replays its golden capture the same, and each conversation alone', async () => {
    await expect(golden('sluice.pcapng')).toReplayTheSame(fileServer());
    for (let conversation = 0; conversation < 7; conversation++) {
      await expect(golden('sluice.pcapng')).toReplayTheSame(fileServer(), { conversation });
    }
  });

  test('a conversation is replayed behind those before it, and only its own differences count', async () => {
    const [one, two] = [conversationEvents(0), conversationEvents(1, 1000)];
    const put = putFrame('a', 'hello', { id: 1 });
    const over = ({ end, close }: typeof one) => [end('client'), end('server'), close()];
    const stat = { ack: 'stat', filename: 'a', size: 5, mtime: 1, crc32: 907060870, id: 2 };
    const capture = captured(
      one.open(),
      one.send('client', put, 10),
      one.send('server', frame({ ack: 'something else', id: 1 }), 20),
      ...over(one),
      two.open(),
      two.send('client', frame({ cmd: 'stat', filename: 'a', id: 2 }), 1010),
      two.send('server', frame(stat), 1020),
      ...over(two),
    );
    await expect(capture).toReplayTheSame(fileServer(), { conversation: 1 });
    await expect(capture).not.toReplayTheSame(fileServer(), { conversation: 0 });
    expect(await failure(capture, fileServer(), { conversation: 2 })).toBe(
      'trace has no conversation 2; they are counted from 0',
    );
  });

  test('the file server has the files of a folder, and may be told what to ignore', async () => {
    const folder = tempFolder();
    writeTree(folder, { 'a/b.txt': 'hello' });
    const { open, send, end, close } = conversationEvents();
    const ack = { ack: 'stat', filename: 'a/b.txt', size: 5, mtime: 1, crc32: 907060870 };
    const capture = captured(
      open(),
      send('client', frame({ cmd: 'stat', filename: 'a/b.txt' })),
      send('server', frame(ack)),
      ...[end('client'), end('server'), close()],
    );
    const pipeline = fileServer({ files: folder });
    await expect(capture).toReplayTheSame(pipeline);
    await expect(capture).toReplayTheSame(fileServer({ files: new URL(`file://${folder}/`) }));
    expect(await failure(capture, fileServer())).toContain('reply 1: ack was "stat" and is nothing');
    expect(await failure(capture, pipeline, { ignore: [] })).toMatch(
      /reply 1: mtime was 1 and is \d+ \(packet 4\)/,
    );
    expect(await failure(capture, fileServer({ files: `${folder}/none` }))).toContain('cannot be loaded');
  });

  test('an actor is compared by its own codec, and a difference names the reply and its packet', async () => {
    await expect(talk('LINE 0', 'LINE 1')).toReplayTheSame(upper);
    expect(await failure(talk('LINE 0', 'Line 1'), upper)).toBe(
      [
        'conversation 0 (10.0.0.1:5000 to 10.0.0.2:8080) is not answered as recorded:',
        '  reply 2: message was "Line 1" and is "LINE 1" (packet 6)',
        'cut as recorded, so this does not depend on how the bytes are cut',
      ].join('\n'),
    );
  });

  test('a reply too few and a reply too many are told, and so is what the actor has thrown', async () => {
    const silent = echoing((message) => {
      if (message === 'line 1') throw new Error('not a second one');
      return message.toUpperCase();
    });
    const few = await failure(talk('LINE 0', 'LINE 1'), silent);
    expect(few).toContain('reply 2: {"message":"LINE 1"} was recorded, and does not come (packet 6)');
    expect(few).toContain('thrown: Error: not a second one');
    const chatty = defineActor()({
      codec,
      reduce: (state, event) => {
        if (event.type !== 'message') return { state };
        const send = { type: 'send', message: event.message.toUpperCase() } as const;
        return { state, effects: [send, send] };
      },
    });
    expect(await failure(talk('LINE 0'), chatty)).toContain(
      'reply 2: {"message":"LINE 0"} comes, and was not recorded',
    );
  });

  /** A service that gives one answer a message. */
  const answering = (of: Codec<Uint8Array>, answer: (message: Uint8Array) => Uint8Array) =>
    service((connections$) =>
      serveActors({
        connections$,
        actor: defineActor()({
          codec: of,
          reduce: (state, event) => ({
            state,
            effects: event.type === 'message' ? [{ type: 'send', message: answer(event.message) }] : [],
          }),
        }),
      }),
    );

  /** It gives one answer a chunk, as if chunks were messages. */
  const careless = answering(rawBytes, () => Buffer.from('OK\n'));

  test('what depends on how the bytes are cut is found, with a seed that cuts so again', async () => {
    const capture = talk('OK', 'OK', 'OK', 'OK');
    // All replies that are too many come before the service ends its side, for which the replay waits so long.
    const options = { framing: codec, stall: 60_000 };
    const said = await failure(capture, careless, { ...options, seed: 5, runs: 20 });
    expect(said).toContain('comes, and was not recorded');
    const [, seed] =
      /cut otherwise \(random, seed (\d+)\) it is not\. To cut it so again: \{ seed: \1, runs: 1 \}/.exec(
        said,
      )!;
    expect(await failure(capture, careless, { ...options, seed: Number(seed), runs: 1 })).toBe(said);
    await expect(capture).toReplayTheSame(careless, { framing: codec, runs: 0 });
  });

  test('without a seed each comparison cuts otherwise', async () => {
    const seeds = new Set<string>();
    for (let time = 0; time < 4; time++) {
      const said = await failure(talk('OK', 'OK', 'OK', 'OK'), careless, { framing: codec, runs: 20 });
      seeds.add(/seed (\d+)/.exec(said)?.[1] ?? said);
    }
    expect(seeds.size).toBeGreaterThan(1);
  });

  test('a function without parameters makes what answers anew for each replay', async () => {
    const path = `${tempFolder()}/kv.pcapng`;
    await recordActor(path, keyValues(), async (connection) => {
      const client = framed(connection, keyValueCodec);
      for (const message of [
        { cmd: 'get', id: 1, key: 'a' },
        { cmd: 'set', id: 2, key: 'a', value: 7 },
        { cmd: 'get', id: 3, key: 'a' },
      ]) {
        await client.request(message);
      }
      client.end();
    });
    await expect(captureFile(path)).toReplayTheSame(keyValues);
    await expect(captureFile(path)).toReplayTheSame(() =>
      service((connections$) => serveActors({ connections$, actor: keyValues() }), keyValueCodec),
    );
    // The second replay finds the value of the first.
    expect(await failure(captureFile(path), keyValues())).toContain('reply 1: value was nothing and is 7');
  });

  test('replies are told apart by a framing, a preset, a codec, or by their bytes alone', async () => {
    const { open, send, end, close } = conversationEvents();
    const record = (text: string) => Buffer.from([0, text.length, ...Buffer.from(text)]);
    const capture = captured(
      open(),
      send('client', record('ab')),
      send('server', record('ab')),
      send('client', record('cde')),
      send('server', record('cdX')),
      ...[end('client'), end('server'), close()],
    );
    const field = lengthField({ width: 2, maxLength: 100 });
    const echo = answering(field, (message) => message);
    const inBody = 'reply 2: from byte 2 of the body on it was bytes 58 and is bytes 65 (packet 6)';
    expect(await failure(capture, echo, { framing: field })).toContain(inBody);
    expect(await failure(capture, echo, { framing: dns })).toContain('its replies are framed otherwise');
    const records = messages(field, {
      decode: (it) => Buffer.from(it).toString(),
      encode: (it) => Buffer.from(it),
    });
    expect(await failure(capture, echo, { framing: records })).toContain(
      'reply 2: message was "cdX" and is "cde"',
    );
    expect(await failure(capture, echo)).toContain(
      'from byte 8 of the replies on it was bytes 58 and is bytes 65',
    );
    expect(await failure(capture, echo, { framing: 'none' })).toContain('from byte 8 of the replies');
  });

  test('bodies are compared to their end, however long a body its framing would hand on whole', async () => {
    const { open, send, end, close } = conversationEvents();
    const field = lengthField({ width: 2, maxLength: 5000, maxWhole: 100 });
    const reply = (last: string) =>
      Buffer.concat([...field.encode(Buffer.from(`${'x'.repeat(900)}${last}`))]);
    const capture = captured(
      open(),
      send('client', 'a'),
      send('server', reply('y')),
      end('client'),
      end('server'),
      close(),
    );
    const answering = (last: string) =>
      service((connections$) =>
        serveActors({
          connections$,
          actor: defineActor()({
            codec: rawBytes,
            reduce: (state, event) => ({
              state,
              effects: event.type === 'message' ? [{ type: 'send', message: reply(last) }] : [],
            }),
          }),
        }),
      );
    await expect(capture).toReplayTheSame(answering('y'), { framing: field });
    expect(await failure(capture, answering('z'), { framing: field })).toContain(
      'reply 1: from byte 900 of the body on it was bytes 79 and is bytes 7a',
    );
  });

  test('an actor without frames is compared by its bytes', async () => {
    const echo = defineActor()({
      codec: rawBytes,
      reduce: (state, event) => ({
        state,
        effects: event.type === 'message' ? [{ type: 'send', message: event.message }] : [],
      }),
    });
    const { open, send, end, close } = conversationEvents();
    const said = [
      send('client', 'some text that is cut'),
      send('server', 'some text '),
      send('server', 'that is cut'),
    ];
    await expect(captured(open(), ...said, end('client'), end('server'), close())).toReplayTheSame(echo, {
      runs: 10,
    });
  });

  test('what comes behind the conversation that counts is not replayed', async () => {
    let connections = 0;
    const counted = service((connections$) =>
      serveActors({ connections$: connections$.pipe(tap(() => connections++)), actor: upper }),
    );
    const [one, two] = [conversationEvents(0), conversationEvents(1, 1000)];
    const talk = ({ open, send, end, close }: typeof one) => [
      ...[open(), send('client', 'a\n'), send('server', 'A\n'), end('client'), end('server'), close()],
    ];
    const capture = captured(...talk(one), ...talk(two));
    await expect(capture).toReplayTheSame(counted, { conversation: 0, runs: 0 });
    expect(connections).toBe(1);
  });

  test('fields that are ignored count for nothing, at any depth', async () => {
    const path = `${tempFolder()}/json.pcapng`;
    let at = 0;
    const stamped = () =>
      defineActor()({
        codec: keyValueCodec,
        reduce: (state, event) => ({
          state,
          effects:
            event.type === 'message'
              ? [{ type: 'send', message: { now: { at: at++, text: 'x' }, of: [{ at: at++ }] } }]
              : [],
        }),
      });
    await recordActor(path, stamped(), async (connection) => {
      const client = framed(connection, keyValueCodec);
      await client.request({ any: 'thing' });
      client.end();
    });
    await expect(captureFile(path)).toReplayTheSame(stamped, { ignore: ['at'] });
    const said = await failure(captureFile(path), stamped, { ignore: ['text'] });
    expect(said).toMatch(/reply 1: now\.at was 0 and is \d+; of\[0\]\.at was 1 and is \d+/);
    expect(said).toContain('not compared: text');
  });

  test('a recording that lacks packets is compared only if that is allowed, and as far as it goes', async () => {
    const { open, send, gap, end, close } = conversationEvents();
    const capture = captured(
      open(),
      send('client', 'one\n'),
      send('server', 'ONE\n'),
      send('client', 'two\n'),
      gap('server', 4),
      send('client', 'three\n'),
      send('server', 'OTHER\n'),
      ...[end('client'), end('server'), close()],
    );
    expect(await failure(capture, upper)).toContain('the recording lacks packets');
    await expect(capture).toReplayTheSame(upper, { allowIncomplete: true });
    await expect(capture).not.toReplayTheSame(
      echoing((it) => it),
      { allowIncomplete: true },
    );
  });

  test('a service that errors, or returns no Observable, fails the comparison with that', async () => {
    const broken = service(() => throwError(() => new Error('no such port')));
    expect(await failure(talk('LINE 0'), broken)).toBe('no such port');
    const none = service((() => 7) as never);
    expect(await failure(talk('LINE 0'), none)).toBe(
      'service: what it returns must be an Observable, and is 7',
    );
    expect(
      await failure(
        talk('LINE 0'),
        service(() => NEVER),
      ),
    ).toContain('nothing has come for 0.2 s');
  });

  test('a capture without a conversation, and one that is none, fail the comparison', async () => {
    expect(await failure(captureOf(pcapOfEvents([]), 'empty'), upper)).toBe('empty has no conversation');
    await expect(assertReplaysTheSame(captureOf(Uint8Array.of(1)), upper)).rejects.toMatchObject({
      code: 'not-a-capture',
    });
  });

  test('an option that there is not is refused by name', async () => {
    await expect(assertReplaysTheSame(talk('LINE 0'), upper, { ignored: ['at'] } as never)).rejects.toThrow(
      /there is no option "ignored"; did you mean ignore\?/,
    );
  });
});
