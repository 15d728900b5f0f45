/** The law that chunking does not matter: held by the deframer and the session, and found broken where it is. */
import { map, mergeMap, type Observable, of, scan, throwError, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import {
  assertSame,
  type ChunkingInvarianceOptions,
  joinedData,
} from '../../../src/capture/replay/chunking-invariance.ts';
import type { RecordedConnection } from '../../../src/capture/replay/recorded-connection.ts';
import { replayStreams } from '../../../src/capture/replay/replay.ts';
import type { StreamEvent } from '../../../src/capture/stream-event.ts';
import { commands, requestFraming } from '../../../src/files/session/dispatch.ts';
import type { Effect } from '../../../src/files/session/effect.ts';
import type { SessionEvent } from '../../../src/files/session/event.ts';
import { createSession } from '../../../src/files/session/session.ts';
import { defaultLimits } from '../../../src/server/limits.ts';
import { deframe } from '../../../src/wire/deframe/deframe.ts';
import { lengthField } from '../../../src/wire/length-field.ts';
import { conversationEvents, eventBatches } from '../../support/captures/stream-events.ts';
import { frame, putFrame } from '../../support/network/peer.ts';
import { bytesFrom } from '../../support/random/seeded.ts';

const sent = Buffer.concat([
  frame({ cmd: 'ping' }),
  putFrame('a', bytesFrom(1, 3000)),
  putFrame('empty', ''),
  putFrame('../no', 'refused'),
  frame({ cmd: 'get', filename: 'other', id: 7 }),
  putFrame('b', bytesFrom(2, 700)),
]);

/** Two conversations, in segments of 1,460 and of 100 bytes; the second breaks off in the middle of a file. */
function recording(): StreamEvent[] {
  const [one, two] = [conversationEvents(0), conversationEvents(1)];
  const events = [one.open(), two.open()];
  for (let at = 0; at < sent.length; at += 1460)
    events.push(one.send('client', sent.subarray(at, at + 1460)));
  for (let at = 0; at < 2000; at += 100) events.push(two.send('client', sent.subarray(at, at + 100)));
  return [...events, two.gap('client', 10), two.close(), one.end('client'), one.close()];
}

const law = <T>(
  pipeline: (connection: RecordedConnection) => Observable<T>,
  options?: ChunkingInvarianceOptions<T>,
  events = recording(),
): Promise<void> =>
  assertSame((chunking) => replayStreams(eventBatches(events), { chunking }), pipeline, options);

describe('the same comes of a recording, however it is cut:', () => {
  test('the same frames come of a recording, however it is cut', async () => {
    await law(({ chunks$ }) => chunks$.pipe(deframe(requestFraming())));
  });

  test.each([
    ['in a head', 4],
    ['in a body', 2],
  ] as const)(
    'the same faults come of a recording, however it is cut and however much they quote: %s',
    async (_, width) => {
      const { open, send, end, close } = conversationEvents();
      const events = [open(), send('client', Buffer.from('GET / HTTP/1.1\r\n\r\n')), end('client'), close()];
      const framing = lengthField({ width, maxLength: 65_535 });
      await law(({ chunks$ }) => chunks$.pipe(deframe(framing)), {}, events);
    },
  );

  test('a session emits the same effects and the same replies for a recording, however it is cut', async () => {
    const { initial, reduce } = createSession(commands, defaultLimits);
    // As the world would have it, but for results: nothing is asked for that waits for one.
    const sessionEvents = ({ chunks$ }: RecordedConnection): Observable<Effect> =>
      chunks$.pipe(
        deframe(requestFraming()),
        map((event): SessionEvent => {
          if (event.type === 'start')
            return { type: 'request', header: event.header, body: event.length, cost: 0 };
          if (event.type === 'data') return { type: 'data', bytes: event.bytes };
          if (event.type === 'end') return { type: 'body-end' };
          throw new Error(event.type);
        }),
        scan(
          ({ state }, event) => {
            const [next, effects] = reduce(state, event);
            return { state: next, effects };
          },
          { state: initial, effects: [] as readonly Effect[] },
        ),
        mergeMap(({ effects }) => effects),
      );
    // What is written is, however it is cut, the same bytes.
    const comparable = (effects: readonly Effect[]) =>
      joinedData(
        effects.map((effect) =>
          effect.type === 'command' && effect.effect.type === 'write'
            ? { type: 'data', bytes: effect.effect.bytes }
            : effect,
        ),
      );
    await law(sessionEvents, { comparable });
  });
});

describe('a pipeline that takes chunks for messages', () => {
  const one = conversationEvents(3);
  const events = [
    one.open(),
    one.send('client', 'ab'),
    one.send('client', 'cd'),
    one.end('client'),
    one.close(),
  ];
  const naive = ({ chunks$ }: RecordedConnection) =>
    chunks$.pipe(map((chunk) => Buffer.from(chunk).toString()));

  test('the error about a pipeline that takes chunks for messages names the chunking, the conversation and the first event that differs', async () => {
    await expect(law(naive, {}, events)).rejects.toThrow(
      [
        'cut otherwise (bytes), conversation 3 (10.0.0.1:5003 to 10.0.0.2:8080) leads to something else',
        'event 1 differs; there are 2 as recorded, and 4',
        '  as recorded: "ab"',
        '  cut so:      "a"',
      ].join('\n'),
    );
  });

  test('each of the chunkings finds out a pipeline that takes chunks for messages', async () => {
    for (const chunking of ['bytes', 'whole', { seed: 1, max: 3 }] as const) {
      await expect(law(naive, { chunkings: [chunking] }, events)).rejects.toThrow('leads to something else');
    }
  });

  test('the error about a pipeline names the field that differs, and leaves out fields that are ignored', async () => {
    const counting = ({ chunks$ }: RecordedConnection) =>
      chunks$.pipe(
        toArray(),
        map((chunks) => ({ of: { chunks: chunks.length }, bytes: Buffer.concat(chunks) })),
      );
    await expect(law(counting, {}, events)).rejects.toThrow('event 1 differs, in of.chunks;');
    await law(counting, { ignore: ['chunks'] }, events);
  });

  test('an event that does not come from a pipeline is a difference', async () => {
    const tooFew = ({ chunks$ }: RecordedConnection) =>
      naive({ chunks$ } as RecordedConnection).pipe(
        toArray(),
        mergeMap((all) => (all.length > 2 ? of('x') : of('x', 'y'))),
      );
    await expect(law(tooFew, {}, events)).rejects.toThrow(
      /event 2 differs; .*\n {2}as recorded: "y"\n {2}cut so: {6}nothing/,
    );
  });

  test('the error of a pipeline is compared too', async () => {
    const errs = ({ chunks$ }: RecordedConnection) =>
      chunks$.pipe(
        toArray(),
        mergeMap((all) => throwError(() => new Error(all.length > 2 ? 'many' : 'few'))),
      );
    await expect(law(errs, { chunkings: ['bytes'] }, events)).rejects.toThrow(
      'as recorded: {"type":"pipeline-error"',
    );
    await law(errs, { chunkings: ['whole'] }, events);
  });
});

test('a recording without conversations is an error: it would hold whatever the pipeline did', async () => {
  await expect(law(() => of(1), {}, [])).rejects.toThrow('the capture has no conversation to compare');
});

test('frames that are whole need no joining', async () => {
  const framed = Buffer.from('\x03abc\x00\x01x');
  const { open, send, end, close } = conversationEvents();
  const events = [
    open(),
    send('client', framed.subarray(0, 3)),
    send('client', framed.subarray(3)),
    end('client'),
    close(),
  ];
  await law(
    ({ chunks$ }) => chunks$.pipe(deframe(lengthField({ width: 1, maxLength: 255 }))),
    { comparable: (all) => all },
    events,
  );
});
