/** What is missing, and how much is held back, and for how long. */
import { describe, expect, test } from 'vitest';
import { createReassembly } from '../../../src/capture/reassembly/reassembly.ts';
import type { ReassemblyOptions } from '../../../src/capture/reassembly/reassembly-options.ts';
import type { Segment } from '../../../src/capture/segment.ts';
import type { StreamChunk } from '../../../src/capture/stream-event.ts';
import {
  briefly,
  conversation,
  opened,
  reassembled,
  type Script,
  whileRecording,
} from '../../support/captures/segments.ts';

const limited = (script: Script, options?: ReassemblyOptions): string[] =>
  briefly(reassembled(script.segments, options));
const limitedSoFar = (script: Script, options?: ReassemblyOptions): string[] =>
  briefly(whileRecording(script.segments, options));

describe('a hole', () => {
  test.each([1, 250_000_000, 2 ** 31 - 1, 2 ** 31])(
    'a hole of %i bytes is a gap, and costs no memory',
    (length) => {
      const script = opened().lose('client', length).client('abc');
      const before = process.memoryUsage().arrayBuffers;
      const events = reassembled(script.segments);
      // Beside the ring that every reassembly has, of 1 MiB.
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2_000_000);
      expect(briefly(events)).toEqual([
        'open',
        `client gap ${length} lost`,
        'client "abc"',
        'close unfinished',
      ]);
      expect(events[2]).toMatchObject({ position: length });
      expect(events.at(-1)).toMatchObject({ totals: { client: { bytes: 3, missing: length } } });
    },
  );
  test('a hole at the end of what is known is a gap when it was acknowledged', () => {
    expect(limited(opened().client('a').lose('client', 2000).ack('server'))).toEqual([
      'open',
      'client "a"',
      'client gap 2000 lost',
      'close unfinished',
    ]);
  });
  test('a hole of a side of which no packet was recorded is a gap, too', () => {
    const script = conversation().syn('client').client('a').lose('server', 500).client('b');
    expect(limited(script)).toEqual([
      'open',
      'client "a"',
      'client "b"',
      'server gap 500 lost',
      'close unfinished',
    ]);
  });
  test('a hole that was given up is not filled by bytes that come later', () => {
    const script = opened()
      .lose('client', 2)
      .client('cd')
      .send('client', { position: 0, data: 'ab' })
      .client('e');
    expect(limited(script, { maxHeldSegments: 0 })).toEqual([
      'open',
      'client gap 2 limit',
      'client "cd"',
      'client "e"',
      'close unfinished',
    ]);
  });
});

describe('a packet that was cut by the snap length', () => {
  const cutAt = (script: Script, kept: number): Script => {
    const last = script.segments.at(-1)!;
    script.segments[script.segments.length - 1] = { ...last, payload: last.payload.subarray(0, kept) };
    return script;
  };
  test('a packet that was cut by the snap length leaves a gap of the bytes that were cut off', () => {
    expect(limited(cutAt(opened().client('abcdef'), 2).client('gh'))).toEqual([
      'open',
      'client "ab"',
      'client gap 4 snapped',
      'client "gh"',
      'close unfinished',
    ]);
  });
  test('a packet that was cut by the snap length leaves no gap when another packet has the bytes, before or after it', () => {
    const after = cutAt(opened().client('abcdef'), 2)
      .send('client', { position: 1, data: 'bcdef' })
      .client('gh');
    expect(limited(after)).toEqual([
      'open',
      'client "ab"',
      'client "cdef"',
      'client "gh"',
      'close unfinished',
    ]);
    const before = opened()
      .send('client', { position: 2, data: 'cd' })
      .send('client', { position: 0, data: 'abcdef' });
    expect(limited(cutAt(before, 1))).toEqual([
      'open',
      'client "a"',
      'client gap 1 snapped',
      'client "cd"',
      'client gap 2 snapped',
      'close unfinished',
    ]);
  });
  test('a packet that was cut by the snap length leaves a gap when no byte is left, as well', () => {
    expect(limited(cutAt(opened().client('abcdef'), 0).close())).toEqual([
      'open',
      'server end',
      'client gap 6 snapped',
      'client end',
      'close ended',
    ]);
  });
  test('bytes that the snap length cut off are a gap of another kind than lost bytes', () => {
    const script = cutAt(opened().lose('client', 3).client('abcdef'), 2).lose('client', 4).client('gh');
    expect(limited(script)).toEqual([
      'open',
      'client gap 3 lost',
      'client "ab"',
      'client gap 4 snapped',
      'client gap 4 lost',
      'client "gh"',
      'close unfinished',
    ]);
  });
  test('a packet that was cut by the snap length leaves a gap before it is known where its side begins, too', () => {
    const script = cutAt(conversation().client('abcdef'), 2).client('gh');
    expect(limited(script)).toEqual([
      'open',
      'client "ab"',
      'client gap 4 snapped',
      'client "gh"',
      'close unfinished',
    ]);
  });
  test('a packet that was cut by the snap length with a FIN ends behind what was cut off', () => {
    expect(limited(cutAt(opened().fin('client', 'abcdef'), 2))).toEqual([
      'open',
      'client "ab"',
      'client gap 4 snapped',
      'client end',
      'close unfinished',
    ]);
  });
  test('a packet that was cut by the snap length is given up soon when it was acknowledged', () => {
    const script = cutAt(opened().client('abcdef'), 2).client('gh');
    for (let i = 0; i < 65; i++) script.ack('server');
    expect(limitedSoFar(script)).toEqual(['open', 'client "ab"', 'client gap 4 snapped', 'client "gh"']);
  });
});

describe('what waits behind a hole', () => {
  test('what waits behind a hole is held up to so many bytes', () => {
    const script = opened().lose('client', 5).client('abc').client('def');
    expect(limitedSoFar(script, { maxHeldBytes: 6 })).toEqual(['open']);
    expect(limitedSoFar(script, { maxHeldBytes: 5 })).toEqual([
      'open',
      'client gap 5 limit',
      'client "abc"',
      'client "def"',
    ]);
  });
  test('what waits behind a hole is held up to so many segments', () => {
    const script = opened().lose('client', 5).client('abc').client('def');
    expect(limitedSoFar(script, { maxHeldSegments: 2 })).toEqual(['open']);
    expect(limitedSoFar(script, { maxHeldSegments: 1 })).toHaveLength(4);
  });
  test('what waits behind a hole is delivered up to the next hole only', () => {
    const script = opened().lose('client', 1).client('b').lose('client', 1).client('d');
    expect(limitedSoFar(script, { maxHeldSegments: 1 })).toEqual([
      'open',
      'client gap 1 limit',
      'client "b"',
    ]);
  });
  test('what waits behind a hole is bounded over all conversations, the oldest hole first', () => {
    const one = conversation({ clientPort: 1 }).handshake().lose('client', 1).client('b');
    const two = conversation({ clientPort: 2, number: 9 }).handshake().lose('client', 1).client('b');
    const events = whileRecording([...one.segments, ...two.segments], { maxHeldTotal: 300 });
    expect(events.flatMap((event) => (event.type === 'gap' ? [event.conversation.index] : []))).toEqual([0]);
  });
  test('what waits behind a hole is lost, and not a matter of limits, when it was acknowledged', () => {
    const script = opened().lose('client', 5).client('abc').ack('server').client('def');
    expect(limitedSoFar(script, { maxHeldSegments: 1 })).toEqual([
      'open',
      'client gap 5 lost',
      'client "abc"',
      'client "def"',
    ]);
  });
  const acknowledged = (count: number, wait: number): Script => {
    const script = opened().lose('client', 5).client('abc').ack('server').wait(wait);
    for (let i = 0; i < count; i++) script.ack('server');
    return script;
  };
  test('what waits behind a hole is delivered when the hole was acknowledged and 1,024 packets went by', () => {
    expect(limitedSoFar(acknowledged(1023, 0))).toEqual(['open']);
    expect(limitedSoFar(acknowledged(1024, 0))).toEqual(['open', 'client gap 5 lost', 'client "abc"']);
  });
  test('what waits behind a hole is delivered when the hole was acknowledged and 64 packets and 30 seconds went by', () => {
    expect(limitedSoFar(acknowledged(63, 30_000))).toEqual(['open']);
    expect(limitedSoFar(acknowledged(64, 28_000))).toEqual(['open']);
    expect(limitedSoFar(acknowledged(64, 30_000))).toEqual(['open', 'client gap 5 lost', 'client "abc"']);
  });
  test('what waits behind a hole does not wait for ever for an endless recording that lost one packet', () => {
    const script = opened().lose('client', 100);
    for (let i = 0; i < 3000; i++) script.client('x').ack('server');
    const events = whileRecording(script.segments);
    expect(events.filter(({ type }) => type === 'chunk').length).toBe(3000);
  });
  test('what waits behind a hole is not skipped for a number far off that nobody acknowledges', () => {
    const script = opened().send('client', { position: 10_000_000, data: 'nonsense' });
    const good: Segment[] = conversation({ number: 9 }).segments;
    for (let i = 0; i < 2000; i++) {
      good.push(...conversation({ number: 9 + i }).send('client', { position: i, data: 'x' }).segments);
    }
    const events = whileRecording([...script.segments, ...good]);
    expect(events.filter(({ type }) => type === 'chunk')).toHaveLength(2000);
  });
  test('what waits behind a hole keeps no block of the file alive when it is small against it', () => {
    const block = new Uint8Array(1_000_000);
    block.set([97, 98, 99], 500_000);
    const { segments } = opened().lose('client', 1).client('abc').client('d');
    const held = { ...segments[3]!, payload: block.subarray(500_000, 500_003) };
    const chunks = reassembled([...segments.slice(0, 3), held, segments[4]!]).filter(
      (event): event is StreamChunk => event.type === 'chunk',
    );
    expect(chunks[0]!.bytes).toEqual(Uint8Array.of(97, 98, 99));
    expect(chunks[0]!.bytes.buffer.byteLength).toBe(3);
  });
});

describe('too many conversations', () => {
  const exchange = (clientPort: number, number: number): Script =>
    conversation({ clientPort, number }).handshake().client('a');

  test('too many conversations close the one that was silent for the longest', () => {
    const [one, two, three] = [exchange(1, 1), exchange(2, 9), exchange(3, 17)];
    one.client('b');
    const last = one.segments.pop()!;
    const order = [...one.segments, ...two.segments, last, ...three.segments];
    const events = whileRecording(order, { maxConversations: 2 });
    expect(events.filter(({ type }) => type === 'close')).toMatchObject([
      { reason: 'evicted', conversation: { index: 1 } },
    ]);
  });
  test('a conversation that was evicted is a new one when it goes on', () => {
    const one = exchange(40_001, 1).client('b');
    const last = one.segments.pop()!;
    const events = reassembled([...one.segments, ...exchange(40_002, 9).segments, last], {
      maxConversations: 1,
    });
    expect(briefly(events)).toEqual([
      'open',
      'client "a"',
      'close evicted',
      'open',
      'client "a"',
      'close evicted',
      'open',
      'client "b"',
      'close unfinished',
    ]);
  });
  test('too many conversations do not count those that are over', () => {
    const order = [1, 2, 3].flatMap((port) => exchange(port, port * 20).close().segments);
    const events = reassembled(order, { maxConversations: 1 });
    expect(events.flatMap((event) => (event.type === 'close' ? [event.reason] : []))).toEqual([
      'ended',
      'ended',
      'ended',
    ]);
  });
});

describe('a closed conversation', () => {
  test('a closed conversation is forgotten after 16,384 others, and then its segments behind a reset are reported', () => {
    const reset = conversation().handshake().rst('client').wait(40_000).server('late').segments;
    const reassembly = createReassembly();
    const events: string[] = [];
    const take = (segments: readonly Segment[]): void => {
      for (const segment of segments) {
        reassembly.take(segment, (event) => {
          if (event.type === 'after-reset') events.push(...briefly([event]));
        });
      }
    };
    const closeOther = (count: number): void => {
      const clientHost = [10, 1, count >>> 8, count & 255];
      take(
        conversation({ clientHost, from: reset.at(-1)!.packet.time })
          .handshake()
          .close().segments,
      );
    };
    take(reset);
    for (let count = 1; count < 16_384; count++) closeOther(count);
    expect(events).toEqual([]);
    closeOther(16_384);
    expect(events).toEqual(['after reset 1 packets 4 bytes']);
  });
});

describe('options', () => {
  test.each([
    [{ maxConversations: 0 }, 'maxConversations'],
    [{ maxConversations: 2 ** 24 + 1 }, 'maxConversations'],
    [{ maxHeldBytes: -1 }, 'maxHeldBytes'],
    [{ maxHeldBytes: 1.5 }, 'maxHeldBytes'],
    [{ maxHeldSegments: 2 ** 20 + 1 }, 'maxHeldSegments'],
    [{ maxHeldTotal: Number.NaN }, 'maxHeldTotal'],
  ])('options of the reassembly out of their bounds are refused by name: %j', (options, name) => {
    expect(() => createReassembly(options)).toThrow(RangeError);
    expect(() => createReassembly(options)).toThrow(name);
  });
});
