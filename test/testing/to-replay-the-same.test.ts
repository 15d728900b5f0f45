/** The matcher: what it takes, what it finds, and what it says. */
import { concat, EMPTY, map, NEVER, of, throwError, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { defineActor } from '../../src/actor/actor.ts';
import { framed } from '../../src/actor/framed.ts';
import { serveActors } from '../../src/actor/serve-actors.ts';
import { type Capture, captureOf } from '../../src/capture/capture.ts';
import { captureFile } from '../../src/capture/capture-file.ts';
import type { StreamEvent } from '../../src/capture/stream-event.ts';
import { keyValueCodec, keyValues } from '../../src/demo/key-values.ts';
import {
  assertReplaysTheSame,
  fileServer,
  framesOf,
  matchers,
  type Pipeline,
  type ReplayTheSameOptions,
  service,
} from '../../src/testing.ts';
import { lines } from '../../src/wire/codecs/lines.ts';
import { messages } from '../../src/wire/codecs/messages.ts';
import { bytes } from '../../src/wire/codecs/raw-bytes.ts';
import { deframe } from '../../src/wire/deframe.ts';
import { frames } from '../../src/wire/frames.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import { dns } from '../../src/wire/presets/dns.ts';
import { recordActor } from '../support/captures/recorded-actor.ts';
import { conversationEvents } from '../support/captures/stream-events.ts';
import { pcapOfEvents } from '../support/captures/stream-pcap.ts';
import { frame, putFrame } from '../support/network/peer.ts';
import { tempFolder, writeTree } from '../support/stores/temp-folder.ts';

expect.extend(matchers);

const golden = (name: string): Capture => captureFile(`test/golden/captures/${name}`);
const captured = (...events: readonly StreamEvent[]): Capture => captureOf(pcapOfEvents(events), 'trace');
const codec = lines({ maxLength: 100 });
const echoing = (answer: (message: string) => string) =>
  defineActor()({
    codec,
    reduce: (state, event) => ({
      state,
      effects: event.type === 'message' ? [{ type: 'send', message: answer(event.message) }] : [],
    }),
  });
const upper = echoing((message) => message.toUpperCase());

/** A conversation about lines, as an upper-casing server has it. */
function talk(...replies: readonly string[]): Capture {
  const { open, send, end, close } = conversationEvents();
  const said = replies.flatMap((reply, at) => [
    send('client', `line ${at}\n`, at * 10),
    send('server', `${reply}\n`, at * 10 + 5),
  ]);
  return captured(open(), ...said, end('client'), end('server'), close());
}

/** The message with which a comparison fails. */
const failure = (capture: Capture, pipeline: Pipeline, options: ReplayTheSameOptions = {}): Promise<string> =>
  assertReplaysTheSame(capture, pipeline, { stall: 200, ...options }).then(
    () => 'it is the same',
    (error: Error) => error.message,
  );

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

  test('what depends on how the bytes are cut is found, with a seed that cuts so again', async () => {
    const careless = service((connections$) =>
      serveActors({
        connections$,
        actor: defineActor()({
          codec: bytes,
          // One answer a chunk, as if chunks were messages.
          reduce: (state, event) => ({
            state,
            effects: event.type === 'message' ? [{ type: 'send', message: Buffer.from('OK\n') }] : [],
          }),
        }),
      }),
    );
    const capture = talk('OK', 'OK', 'OK', 'OK');
    const said = await failure(capture, careless, { framing: codec, seed: 5, runs: 20 });
    expect(said).toContain('comes, and was not recorded');
    const [, seed] =
      /cut otherwise \(random, seed (\d+)\) it is not\. To cut it so again: \{ seed: \1, runs: 1 \}/.exec(
        said,
      )!;
    expect(await failure(capture, careless, { framing: codec, seed: Number(seed), runs: 1 })).toBe(said);
    await expect(capture).toReplayTheSame(careless, { framing: codec, runs: 0 });
  });

  test('without a seed each comparison cuts otherwise', async () => {
    const seeds = new Set<string>();
    const careless = service((connections$) =>
      serveActors({
        connections$,
        actor: defineActor()({
          codec: bytes,
          reduce: (state, event) => ({
            state,
            effects: event.type === 'message' ? [{ type: 'send', message: Buffer.from('OK\n') }] : [],
          }),
        }),
      }),
    );
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
    const echo = service((connections$) =>
      serveActors({
        connections$,
        actor: defineActor()({
          codec: field,
          reduce: (state, event) => ({
            state,
            effects: event.type === 'message' ? [{ type: 'send', message: event.message }] : [],
          }),
        }),
      }),
    );
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
      /there is no option ignored; there are conversation, ignore,/,
    );
  });
});

describe('what reads', () => {
  test('the frames of both directions are the same however they are cut', async () => {
    await expect(golden('dns.pcap')).toReplayTheSame(framesOf(dns));
    await expect(golden('dns.pcap')).toReplayTheSame(framesOf(dns), { conversation: 2 });
    await expect(golden('dns.pcap')).toReplayTheSame(framesOf(lengthField({ width: 2, maxLength: 70_000 })));
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

  test('a pipeline of operators must emit the same in any cuts', async () => {
    const capture = talk('LINE 0', 'LINE 1');
    await expect(capture).toReplayTheSame(({ chunks$ }) => chunks$.pipe(frames(codec)));
    await expect(capture).toReplayTheSame(({ chunks$ }) =>
      chunks$.pipe(deframe(lengthField({ width: 1, maxLength: 255 }))),
    );
    const said = await failure(capture, ({ chunks$ }) => chunks$.pipe(map((chunk) => chunk.length)));
    expect(said).toContain('event 1 differs');
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
