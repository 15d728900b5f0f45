/** The frames of recorded conversations, and how their chunks carried them. */
import { fc, test as prop } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { captureFile } from '../../../src/capture/capture-file.ts';
import { createInspector, type InspectOptions, inspect } from '../../../src/capture/inspect/inspect.ts';
import type {
  InspectEvent,
  InspectedFault,
  InspectedFrame,
} from '../../../src/capture/inspect/inspect-event.ts';
import type { StreamEvent } from '../../../src/capture/stream-event.ts';
import { sluicePreset } from '../../../src/files/protocol/sluice-preset.ts';
import { encodeJsonHeader } from '../../../src/wire/json-header.ts';
import { lengthField } from '../../../src/wire/length-field.ts';
import { presetNamed } from '../../../src/wire/presets.ts';
import { began, conversationEvents } from '../../support/captures/stream-events.ts';

const framing = lengthField({ width: 2, maxLength: 50_000 });

function inspected(events: readonly StreamEvent[], options: InspectOptions = { framing }): InspectEvent[] {
  const { take } = createInspector(options);
  const emitted: InspectEvent[] = [];
  for (const event of events) take(event, (it) => emitted.push(it));
  return emitted;
}

const framesIn = (events: readonly InspectEvent[]): InspectedFrame[] =>
  events.filter((event) => event.type === 'frame');
const faultsIn = (events: readonly InspectEvent[]): InspectedFault[] =>
  events.filter((event) => event.type === 'fault');

/** Frames of these body lengths, one behind the other; the bytes of each body are its number. */
function message(...lengths: readonly number[]): Uint8Array {
  const parts = lengths.map((length, i) => [length >> 8, length & 255, ...Array(length).fill(i + 1)]);
  return Uint8Array.from(parts.flat());
}

/** The events of a client that sends these pieces, a millisecond apart. */
function sent(pieces: readonly Uint8Array[]): StreamEvent[] {
  const { open, send, end, close } = conversationEvents();
  return [open(), ...pieces.map((piece, i) => send('client', piece, i)), end('client'), close()];
}

const cutAt = (bytes: Uint8Array, ...at: readonly number[]): Uint8Array[] =>
  [0, ...at].map((from, i) => bytes.subarray(from, [...at, bytes.length][i]));

const header = (fields: Record<string, unknown>): Uint8Array => {
  const encoded = encodeJsonHeader(fields);
  if (!encoded.ok) throw new Error(encoded.fault.message);
  return encoded.bytes;
};

describe('a frame', () => {
  test('a recorded frame that came in a chunk of its own is neither cut nor glued', () => {
    expect(framesIn(inspected(sent([message(5)])))).toMatchObject([
      {
        from: 'client',
        number: 1,
        position: 0,
        head: 2,
        length: 5,
        chunks: 1,
        firstShared: 0,
        lastShared: 0,
      },
    ]);
  });

  test('a recorded frame that came in one chunk with others is glued to them', () => {
    const frames = framesIn(inspected(sent([message(5, 0, 7)])));
    expect(frames.map(({ chunks, firstShared, lastShared }) => [chunks, firstShared, lastShared])).toEqual([
      [1, 2, 2],
      [1, 2, 2],
      [1, 2, 2],
    ]);
  });

  test('a recorded frame that came in several chunks has the packets and times of its first and its last byte', () => {
    const [frame] = framesIn(inspected(sent(cutAt(message(9), 1, 4))));
    expect(frame).toMatchObject({
      chunks: 3,
      firstPacket: 1,
      lastPacket: 3,
      capturedAt: began,
      deliverableAt: began + 2_000_000n,
    });
  });

  test('a recorded frame is emitted right after the chunk with its last byte', () => {
    const types = inspected(sent(cutAt(message(3, 3), 4))).map(({ type }) => type);
    expect(types).toEqual(['open', 'framing', 'chunk', 'chunk', 'frame', 'frame', 'end', 'close']);
  });

  test('a recorded frame shows its first 64 bytes, gathered from its chunks, and none of the next', () => {
    const bytes = message(100, 3);
    const [long, short] = framesIn(inspected(sent(cutAt(bytes, 1, 30, 64, 101))));
    expect(long!.sample).toEqual(bytes.subarray(0, 64));
    expect(short!.sample).toEqual(bytes.subarray(102));
  });

  test('a recorded frame whose head lies in several chunks is carried by the chunks with its bytes, not by the next', () => {
    // PostgreSQL's answer of one byte is known for one by the byte behind it.
    const { open, send, close } = conversationEvents();
    const ready = Uint8Array.of(0x5a, 0, 0, 0, 5, 0x49);
    const events = [
      open(),
      send('server', 'N', 0),
      ...[...ready].map((byte) => send('server', Uint8Array.of(byte), 5)),
    ];
    const frames = framesIn(inspected([...events, close()], { preset: presetNamed('postgresql')! }));
    expect(frames).toMatchObject([
      {
        position: 0,
        head: 1,
        length: 0,
        chunks: 1,
        firstShared: 0,
        lastShared: 0,
        firstPacket: 1,
        lastPacket: 1,
      },
      {
        position: 1,
        head: 5,
        length: 1,
        chunks: 6,
        firstShared: 0,
        lastShared: 0,
        firstPacket: 2,
        lastPacket: 7,
      },
    ]);
    expect(frames.map(({ sample }) => sample)).toEqual([Uint8Array.of(0x4e), ready]);
    expect(frames[0]!.deliverableAt).toBe(began);
  });

  prop.prop([
    fc.array(fc.nat(12), { minLength: 1, maxLength: 12 }),
    fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 20 }),
  ])('is carried by the chunks it overlaps, however the bytes are cut', (lengths, sizes) => {
    const bytes = message(...lengths);
    const pieces: { from: number; to: number }[] = [];
    for (let at = 0; at < bytes.length; ) {
      const to = Math.min(bytes.length, at + sizes[pieces.length % sizes.length]!);
      pieces.push({ from: at, to });
      at = to;
    }
    const spans = lengths.map((length, i) => {
      const from = lengths.slice(0, i).reduce((sum, before) => sum + 2 + before, 0);
      return { from, to: from + 2 + length };
    });
    const overlap = (a: { from: number; to: number }, b: { from: number; to: number }) =>
      a.from < b.to && b.from < a.to;
    const expected = spans.map((span, i) => {
      const carriers = pieces.filter((piece) => overlap(piece, span));
      const others = (piece: { from: number; to: number }) =>
        spans.filter((other) => other !== span && overlap(piece, other)).length;
      return {
        number: i + 1,
        position: span.from,
        head: 2,
        length: lengths[i],
        state: 'whole',
        missing: 0,
        chunks: carriers.length,
        firstPacket: pieces.indexOf(carriers[0]!) + 1,
        lastPacket: pieces.indexOf(carriers.at(-1)!) + 1,
        firstShared: others(carriers[0]!),
        lastShared: others(carriers.at(-1)!),
        sample: bytes.subarray(span.from, Math.min(span.to, span.from + 64)),
      };
    });
    const events = inspected(sent(pieces.map(({ from, to }) => bytes.subarray(from, to))));
    expect(faultsIn(events)).toEqual([]);
    expect(framesIn(events)).toMatchObject(expected);
    expect(framesIn(events).length).toBe(expected.length);
  });
});

describe('a gap', () => {
  const withGap = (before: Uint8Array, gap: number, after: Uint8Array) => {
    const { open, send, gap: missing, end, close } = conversationEvents();
    return inspected([
      open(),
      send('client', before, 0),
      missing('client', gap),
      send('client', after, 1),
      end('client'),
      close(),
    ]);
  };

  test('a gap in a recording within the body of a frame leaves it incomplete, and the frames behind it are found', () => {
    const bytes = message(20, 3);
    const events = withGap(bytes.subarray(0, 5), 10, bytes.subarray(15));
    expect(framesIn(events)).toMatchObject([
      { number: 1, state: 'incomplete', missing: 10, chunks: 2, sample: bytes.subarray(0, 5) },
      { number: 2, position: 22, state: 'whole', missing: 0 },
    ]);
    expect(faultsIn(events)).toEqual([]);
  });

  test('a gap in a recording up to the very end of a body ends the frame, and the next one begins behind it', () => {
    const bytes = message(20, 3);
    const events = withGap(bytes.subarray(0, 5), 17, bytes.subarray(22));
    expect(events.map(({ type }) => type)).toEqual([
      'open',
      'framing',
      'chunk',
      'gap',
      'frame',
      'chunk',
      'frame',
      'end',
      'close',
    ]);
    expect(framesIn(events)[0]).toMatchObject({
      state: 'incomplete',
      missing: 17,
      lastPacket: 1,
      lastShared: 0,
    });
  });

  test.each([
    ['over the end of a body', 5, 18, 1],
    ['between two frames', 22, 1, 1],
    ['in a head', 23, 1, 1],
    ['of a single byte, right behind the body', 10, 13, 1],
  ])(
    'a gap in a recording %s loses the framing of its side, and its chunks are still emitted',
    (_, from, length, frames) => {
      const bytes = message(20, 3);
      const events = withGap(bytes.subarray(0, from), length, bytes.subarray(from + length));
      expect(framesIn(events).length).toBe(frames);
      expect(faultsIn(events)).toMatchObject([{ code: 'gap', from: 'client', position: from, packet: 1 }]);
      expect(events.filter(({ type }) => type === 'chunk').length).toBe(2);
    },
  );

  test('a gap in a recording of one side does not touch the other', () => {
    const { open, send, gap, close } = conversationEvents();
    const events = inspected([open(), gap('client', 3), send('server', message(4)), close()]);
    expect(faultsIn(events)).toMatchObject([{ from: 'client', packet: 0, capturedAt: began }]);
    expect(framesIn(events)).toMatchObject([{ from: 'server', number: 1 }]);
  });

  test('a gap in a recording of 4 GB in a body costs nothing', () => {
    const { open, send, gap, end, close } = conversationEvents();
    const wide = lengthField({ width: 8, maxLength: 2 ** 40 });
    const head = new Uint8Array(8);
    new DataView(head.buffer).setBigUint64(0, 2n ** 32n);
    const events = [
      open(),
      send('client', head),
      gap('client', 2 ** 32 - 1),
      send('client', 'x'),
      end('client'),
      close(),
    ];
    expect(framesIn(inspected(events, { framing: wide }))).toMatchObject([
      { missing: 2 ** 32 - 1, chunks: 2 },
    ]);
  });
});

describe('what cannot be', () => {
  test('a length over the limit is a fault with its bytes, after the frames before it', () => {
    const events = inspected(sent([Uint8Array.from([...message(1), 0xff, 0xff, 0x41])]));
    expect(events.map(({ type }) => type)).toEqual([
      'open',
      'framing',
      'chunk',
      'frame',
      'fault',
      'end',
      'close',
    ]);
    expect(faultsIn(events)).toMatchObject([
      { code: 'length-too-large', position: 3, packet: 1, capturedAt: began, hex: 'ff ff 41', limit: 50_000 },
    ]);
    // Bytes that are no frame do not count as sharing a chunk.
    expect(framesIn(events)).toMatchObject([{ firstShared: 0, lastShared: 0 }]);
  });

  test('nothing is framed after a fault, and the chunks are emitted', () => {
    const events = inspected(sent([Uint8Array.of(0xff, 0xff), message(1), message(1)]));
    expect(framesIn(events)).toEqual([]);
    expect(faultsIn(events).length).toBe(1);
    expect(events.filter(({ type }) => type === 'chunk').length).toBe(3);
  });

  test.each([
    ['body', 6, 'the stream ended in the body of a frame, after 4 of 9 bytes', 1],
    ['head', 1, 'the stream ended in the head of a frame, after 1 of 2 bytes', 0],
  ])('an end in the %s of a frame is a fault', (_, at, text, frames) => {
    const events = inspected(sent([message(9).subarray(0, at)]));
    expect(faultsIn(events)).toMatchObject([{ code: 'truncated', message: text, position: 0 }]);
    expect(framesIn(events).length).toBe(frames);
  });

  test('a frame that the end of the recording cuts off is unfinished, and no fault', () => {
    const { open, send, close } = conversationEvents();
    const events = inspected([open(), send('client', message(9).subarray(0, 6)), close('unfinished')]);
    expect(framesIn(events)).toMatchObject([{ state: 'unfinished', missing: 5 }]);
    expect(faultsIn(events)).toEqual([]);
    expect(events.at(-1)!.type).toBe('close');
  });
});

describe('the framing', () => {
  const chosen = (events: readonly StreamEvent[], options: InspectOptions = {}) =>
    inspected(events, options).flatMap((event) =>
      event.type === 'framing' ? [[event.name, event.reason]] : [],
    );
  const at = (port: number, ...pieces: (string | Uint8Array)[]): StreamEvent[] => {
    const { conversation, open, send, close } = conversationEvents();
    Object.assign(conversation, { server: `[::1]:${port}` });
    return [open(), ...pieces.map((piece) => send('client', piece)), close()];
  };
  const put = header({ cmd: 'put', filename: 'a.txt', filesize: 3 });

  test.each([
    [53, 'dns'],
    [443, 'tls'],
    [5432, 'postgresql'],
  ])("the framing of a recorded conversation is by the server's port: %i is %s", (port, name) => {
    expect(chosen(at(port))).toEqual([[name, 'port']]);
  });

  test('the framing of a recorded conversation is by the first bytes, when those look like Sluice', () => {
    expect(chosen(at(9999, put))).toEqual([['sluice', 'bytes']]);
  });

  test.each([
    ['which are no TLS', 8443, put, 'sluice', 'bytes'],
    ['unless TLS can begin so too', 8443, Uint8Array.of(0x16, 3, 0, 0, 0x7b), 'tls', 'port'],
    ['unless the protocol of the port can begin so too', 27017, put, 'mongodb', 'port'],
    ['and the port counts when they do not', 8443, 'EHLO host', 'tls', 'port'],
    ['and like those of HTTP/1', 8080, 'GET / HTTP/1.1', 'http', 'bytes'],
    ['and the port counts when they are too few', 8443, put.subarray(0, 4), 'tls', 'port'],
  ])(
    "the framing of a recorded conversation is by first bytes like Sluice's, %s, on a port of another protocol",
    (_, port, bytes, name, reason) => {
      expect(chosen(at(port, bytes))).toEqual([[name, reason]]);
    },
  );

  test('the framing of a recorded conversation of Sluice on a port of TLS finds its frames without a fault, however it was cut', () => {
    for (const pieces of [[put], cutAt(put, 1, 2), cutAt(put, 4)]) {
      const events = inspected(at(8443, ...pieces, 'abc'), {});
      expect(framesIn(events)).toMatchObject([{ label: 'put a.txt', length: 3 }]);
      expect(faultsIn(events)).toEqual([]);
    }
  });

  test('the framing of a recorded conversation is emitted once those bytes are there, in whatever pieces, before the first frame', () => {
    const events = inspected(at(9999, ...cutAt(put, 1, 3, 4), 'abc'), {});
    expect(events.map(({ type }) => type)).toEqual([
      'open',
      'chunk',
      'chunk',
      'chunk',
      'framing',
      'chunk',
      'chunk',
      'frame',
      'close',
    ]);
    expect(framesIn(events)).toMatchObject([
      { label: 'put a.txt', chunks: 5, length: 3, firstPacket: 1, lastPacket: 5 },
    ]);
  });

  test('the framing of a recorded conversation waits for the bytes of one side when the other ends without any', () => {
    const { open, send, end, close } = conversationEvents();
    expect(chosen([open(), end('server'), send('client', put), close()])).toEqual([['sluice', 'bytes']]);
  });

  test.each([
    ['other bytes', ['EHLO host\r\n']],
    ['too few of them', ['abc']],
    ['no bytes', []],
    ['the length of a header that is too long', [Uint8Array.of(0, 0, 2, 0, 0x7b)]],
  ])(
    'the framing of a recorded conversation is none for %s, whose bytes are still emitted as chunks',
    (_, pieces) => {
      expect(chosen(at(9999, ...pieces))).toEqual([[null, 'unknown']]);
      const events = inspected(at(9999, ...pieces), {});
      expect(events.filter(({ type }) => type === 'chunk').length).toBe(pieces.length);
      expect(framesIn(events)).toEqual([]);
    },
  );

  test('the framing of a recorded conversation is the one that was asked for, whatever the port', () => {
    expect(chosen(at(53, put, 'abc'), { preset: sluicePreset })).toEqual([['sluice', 'asked']]);
    expect(chosen(at(53, put), { preset: 'none' })).toEqual([[null, 'asked']]);
    expect(chosen(at(53, put), { framing })).toEqual([['custom', 'asked']]);
  });

  test('the framing of a recorded conversation of Sluice finds requests and replies, with what they are about', () => {
    const { open, send, end, close } = conversationEvents();
    const events = inspected(
      [
        open(),
        send('client', put),
        send('client', 'abc'),
        send('client', header({ cmd: 'rename', filename: 'a', to: 'b' })),
        send('server', header({ ack: 'put', filename: 'a.txt', size: 3 })),
        send('server', header({ error: { code: 'not-found', message: 'x' }, cmd: 'rename' })),
        send('server', header({ ack: 'get', filename: 'a.txt', body: 3 })),
        send('server', 'abc'),
        end('client'),
        end('server'),
        close(),
      ],
      {},
    );
    expect(faultsIn(events)).toEqual([]);
    expect(framesIn(events).map(({ label, length }) => [label, length])).toEqual([
      ['put a.txt', 3],
      ['rename a → b', 0],
      ['ack put a.txt', 0],
      ['error not-found rename', 0],
      ['ack get a.txt', 3],
    ]);
  });

  test('the framing of a recorded conversation that asks for whole bodies has them dropped all the same', () => {
    const whole = lengthField({ width: 4, maxLength: 2 ** 31, delivery: () => 'whole' });
    const { open, send, gap, end, close } = conversationEvents();
    const events = [
      open(),
      send('client', Uint8Array.of(0x7f, 0xff, 0xff, 0xff)),
      gap('client', 2 ** 31 - 1),
      end('client'),
      close(),
    ];
    expect(framesIn(inspected(events, { framing: whole }))).toMatchObject([{ state: 'incomplete' }]);
  });
});

describe('conversations', () => {
  test('the conversations of a capture that are not selected have no events at all', () => {
    const [one, two] = [conversationEvents(0), conversationEvents(1)];
    const streams = [
      one.open(),
      two.open(),
      one.send('client', 'a'),
      two.send('client', 'b'),
      one.close(),
      two.close(),
    ];
    const events = inspected(streams, { only: 1 });
    expect(events.map((event) => ('conversation' in event ? event.conversation.index : -1))).toEqual([
      1, 1, 1, 1,
    ]);
  });

  test('the conversations of a capture that go on at once are framed each for itself', () => {
    const [one, two] = [conversationEvents(0), conversationEvents(1)];
    const [a, b] = cutAt(message(6), 3) as [Uint8Array, Uint8Array];
    const events = inspected([
      one.open(),
      two.open(),
      one.send('client', a),
      two.send('client', a),
      two.send('client', b),
      one.send('client', b),
      one.close(),
      two.close(),
    ]);
    expect(framesIn(events).map(({ conversation, chunks }) => [conversation.index, chunks])).toEqual([
      [1, 2],
      [0, 2],
    ]);
  });

  test('a damaged capture gives the events of what came before the damage, then the fault', async () => {
    let frames = 0;
    const reading = async () => {
      const whole = captureFile('test/golden/captures/sluice.pcapng');
      const cut = {
        name: 'cut',
        async *blocks() {
          for await (const block of whole.blocks()) yield block.subarray(0, 40_000);
        },
      };
      for await (const events of inspect(cut)) frames += framesIn(events).length;
    };
    await expect(reading()).rejects.toMatchObject({ code: 'truncated' });
    expect(frames).toBeGreaterThan(0);
  });
});
