/** What a RST means, by where it is and by what follows it: RFC 5961, section 3.2, as far as a recording shows it. */
import { fc, test as prop } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import type { ReassemblyOptions } from '../../../src/capture/reassembly/reassembly-options.ts';
import { NO_SCALE, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../../src/capture/segment.ts';
import type { StreamEvent } from '../../../src/capture/stream-event.ts';
import {
  briefEvents,
  briefEventsSoFar,
  briefly,
  conversation,
  opened,
  reassembled,
  type Script,
  segmentsOf,
  whileRecording,
} from '../../support/captures/segments.ts';
import { cases } from '../../support/random/cases.ts';

const limited = (script: Script, options: ReassemblyOptions): string[] =>
  briefly(reassembled(script.segments, options));
const rstAt = (script: Script, position: number): Script =>
  script.send('client', { position, flags: TCP_RST });
/** A packet of another conversation, so many milliseconds later. */
const elsewhere = (milliseconds: number): Script =>
  conversation({
    clientPort: 9,
    number: 90,
    from: 1_700_000_000_000_000_000n + BigInt(milliseconds) * 1_000_000n,
  }).syn('client');

describe('a RST at the next byte', () => {
  const before = ['open', 'client "abc"'];

  test('a RST at the next byte ends both sides when nothing follows it, which is known at the end', () => {
    const script = opened().client('abc').ack('server').rst('client');
    expect(briefEventsSoFar(script)).toEqual(before);
    expect(briefEvents(script)).toEqual([...before, 'client reset', 'close reset']);
  });
  test('a RST at the next byte ends both sides after 30 seconds of recorded time, by whatever packet they are noticed', () => {
    const script = opened().client('abc').rst('server');
    expect(briefEventsSoFar(script, elsewhere(29_000))).toEqual([...before, 'open']);
    expect(briefEventsSoFar(script, elsewhere(31_000))).toEqual([
      ...before,
      'server reset',
      'close reset',
      'open',
    ]);
  });
  test('a RST at the next byte has the time of its packet, however late it is known', () => {
    const script = opened().client('abc').rst('server');
    const { time, number } = script.segments.at(-1)!.packet;
    const events = whileRecording(segmentsOf(script, elsewhere(40_000)));
    expect(events[2]).toMatchObject({ position: 0, packet: number, capturedAt: time, deliverableAt: time });
    expect(events[3]).toMatchObject({ type: 'close', endedAt: time });
  });
  test('a RST at the next byte ends nothing when what follows it is acknowledged: the stream goes on', () => {
    const script = opened().client('before').rst('server').client('after').server('answer').client('more');
    const events = reassembled(script.segments);
    expect(briefly(events)).toEqual([
      'open',
      'client "before"',
      'server ignored outlived',
      'client "after"',
      'server "answer"',
      'client "more"',
      'close unfinished',
    ]);
    expect(events[2]).toMatchObject({ packet: 5, position: 0, length: 0 });
    expect(events[4]).toMatchObject({ seen: 11 });
  });
  test('a RST at the next byte ends nothing when its sender sends on, and that is acknowledged', () => {
    const script = opened().client('q').rst('server').server('answer').ack('client');
    expect(briefEvents(script)).toEqual([
      'open',
      'client "q"',
      'server ignored outlived',
      'server "answer"',
      'close unfinished',
    ]);
  });
  test('a RST at the next byte ends nothing when it comes several times, and the stream goes on', () => {
    const script = opened().client('q').rst('server').rst('server').client('r').rst('client').server('a');
    expect(briefEvents(script)).toEqual([
      'open',
      'client "q"',
      'server ignored outlived',
      'server ignored outlived',
      'client "r"',
      'client ignored outlived',
      'server "a"',
      'close unfinished',
    ]);
  });
  test('a RST at the next byte leaves a stream that goes on, which may end in good order or by another RST', () => {
    const goesOn = () => opened().client('q').rst('server').client('r').server('a');
    expect(briefEvents(goesOn().close()).slice(-3)).toEqual(['client end', 'server end', 'close ended']);
    expect(briefEvents(goesOn().rst('client')).slice(-2)).toEqual(['client reset', 'close reset']);
  });
  test('a RST at the next byte is not reported when it is outlived, and comes behind both FINs that waited', () => {
    const script = opened().rst('server').fin('client').send('server', { flags: TCP_FIN, ack: 0 });
    expect(briefEvents(script.rst('client').ack('client'))).toEqual([
      'open',
      'server ignored outlived',
      'client end',
      'server end',
      'close ended',
    ]);
  });
  test('a RST at the next byte is not outlived by what was sent before it, and is acknowledged after it', () => {
    const script = opened().client('q').server('a').rst('server').send('client', { ack: 1 });
    script.send('server', { ack: 1 }).send('client', { position: 0, data: 'q' }).send('server', { ack: 1 });
    expect(briefEvents(script)).toEqual([
      'open',
      'client "q"',
      'server "a"',
      'server reset',
      'after reset 1 packets 1 bytes',
      'close reset',
    ]);
  });
  test('a RST at the next byte is not outlived by acknowledgements of bytes that nobody sent', () => {
    const script = opened()
      .client('q')
      .rst('server')
      .send('server', { ack: 900 })
      .send('client', { ack: 900 });
    expect(briefEvents(script).slice(-2)).toEqual(['server reset', 'close reset']);
  });
  test('a RST at the next byte before the numbers wrap is outlived by what comes behind that', () => {
    const ends = { clientIsn: 2 ** 32 - 3, serverIsn: 2 ** 32 - 2 };
    const script = opened(ends).client('q').rst('server').client('after').server('answer');
    expect(briefEvents(script).slice(2)).toEqual([
      'server ignored outlived',
      'client "after"',
      'server "answer"',
      'close unfinished',
    ]);
  });
  test('a RST at the next byte may have the number behind a FIN, or that of the FIN as long as this is not acknowledged', () => {
    const ended = () => opened().fin('client', 'abc').send('server', { ack: 3 });
    for (const script of [rstAt(ended(), 3), rstAt(ended(), 4), rstAt(ended().ack('server'), 4)]) {
      expect(briefEvents(script).slice(-3)).toEqual(['client end', 'client reset', 'close reset']);
    }
    expect(briefEvents(rstAt(ended().ack('server'), 3)).slice(-2)).toEqual([
      'client ignored outside',
      'close unfinished',
    ]);
  });
  test('a RST at the next byte behind both FINs ends nothing more, in mid-stream, too', () => {
    const script = conversation().fin('client', 'a').fin('server', 'b').ack('client').rst('server');
    expect(briefEvents(script)).toEqual([
      'open',
      'client "a"',
      'client end',
      'server "b"',
      'server end',
      'close ended',
    ]);
  });
  test('a RST at the next byte may come from both sides', () => {
    const script = opened().client('abc').rst('client').rst('server');
    expect(briefEvents(script)).toEqual([...before, 'client reset', 'close reset']);
  });
  test('a RST at the next byte of a side whose window is closed is at the next byte, too', () => {
    const script = opened()
      .client('abc')
      .send('server', { window: 0 })
      .send('client', { position: 2, data: 'c' });
    expect(briefEvents(script.send('server', { window: 0 }).rst('client')).slice(-2)).toEqual([
      'client reset',
      'close reset',
    ]);
  });
  test.each(['reused', 'evicted'])(
    'a RST at the next byte counts when the conversation is closed as %s meanwhile',
    (why) => {
      const script = opened().client('abc').rst('server').client('late');
      const next = conversation({ clientPort: why === 'reused' ? 40_000 : 9, clientIsn: 7, number: 9 }).syn(
        'client',
      );
      const events = reassembled(segmentsOf(script, next), { maxConversations: 1 });
      expect(briefly(events)).toEqual([
        ...before,
        'server reset',
        'after reset 1 packets 4 bytes',
        'close reset',
        'open',
        'close unfinished',
      ]);
    },
  );
});

describe('what comes after a RST, and is acknowledged by nobody', () => {
  test('a segment that comes after a RST, and that nobody acknowledges, is counted if it has bytes or a FIN', () => {
    const script = opened()
      .client('abc')
      .rst('server')
      .client('def')
      .ack('client')
      .fin('client', 'gh')
      .rst('server');
    const events = reassembled(script.segments);
    expect(briefly(events).slice(2)).toEqual([
      'server reset',
      'after reset 2 packets 5 bytes',
      'close reset',
    ]);
    expect(events[3]).toMatchObject({ packets: 2, bytes: 5, firstPacket: 6 });
    expect(events.at(-1)).toMatchObject({ totals: { client: { bytes: 3, packets: 3 } } });
  });
  test('a segment that comes after a RST, and that nobody acknowledges, is counted when it comes after the close, and reported at the end', () => {
    const script = opened().client('abc').rst('server').wait(40_000).client('def').client('g');
    expect(briefEvents(script)).toEqual([
      'open',
      'client "abc"',
      'server reset',
      'close reset',
      'after reset 2 packets 4 bytes',
    ]);
  });
  test('segments that came after a RST are counted when another connection has the addresses', () => {
    const script = opened().client('abc').rst('server').wait(40_000).client('def');
    const next = opened({ clientIsn: 70_000, number: 20 });
    expect(briefEvents(script, next).slice(3)).toEqual([
      'close reset',
      'after reset 1 packets 3 bytes',
      'open',
      'close unfinished',
    ]);
  });
  test('a connection that lives on after the close by a RST is another conversation', () => {
    const script = opened()
      .client('abc')
      .rst('server')
      .wait(40_000)
      .client('def')
      .server('answer')
      .client('more');
    expect(briefEvents(script).slice(3)).toEqual([
      'close reset',
      'after reset 1 packets 3 bytes',
      'open',
      'server "answer"',
      'client "more"',
      'close unfinished',
    ]);
  });
  test.each<[string, ReassemblyOptions, number]>([
    ['64 packets', {}, 65],
    ['the segments that may be held', { maxHeldSegments: 3 }, 4],
    ['the bytes that may be held', { maxHeldBytes: 25 }, 3],
    ['the bytes that may be held in all', { maxHeldTotal: 1000 }, 4],
  ])(
    'a segment that comes after a RST, and that nobody acknowledges, is held no longer than for %s',
    (_, options, packets) => {
      const script = opened().client('abc').rst('server');
      for (let i = 0; i < 100; i++) script.client('0123456789');
      expect(limited(script, options)).toEqual([
        'open',
        'client "abc"',
        'server reset',
        `after reset ${packets} packets ${10 * packets} bytes`,
        'close reset',
        `after reset ${100 - packets} packets ${1000 - 10 * packets} bytes`,
      ]);
    },
  );
});

describe('a RST elsewhere in the window', () => {
  test.each([2, 9, 65_535])(
    'a RST elsewhere in the window %i bytes ahead ends both sides when nothing follows, and what is missing is a gap',
    (ahead) => {
      const script = rstAt(opened().client('abc').ack('server'), 3 + ahead).send('server', { ack: 3 });
      expect(briefEvents(script)).toEqual([
        'open',
        'client "abc"',
        `client gap ${ahead} lost`,
        'client reset',
        'close reset',
      ]);
    },
  );
  test.each<[string, (script: Script) => Script]>([
    ['bytes of its sender', (script) => script.send('client', { position: 3, data: 'd' })],
    ['bytes of the other side', (script) => script.send('server', { data: 'x', ack: 3 })],
    ['a FIN', (script) => script.send('server', { flags: TCP_FIN, ack: 3 })],
    ['a new acknowledgement of its sender', (script) => script.send('client', { position: 3, ack: 1 })],
  ])('a RST elsewhere in the window ends nothing when %s follow', (_, follow) => {
    const script = opened().send('client', { data: 'abc', ack: 0 }).send('server', { data: 'y', ack: 3 });
    const events = briefEvents(follow(rstAt(script, 50)));
    expect(events).toContain('client ignored inside');
    expect(events.at(-1)).toBe('close unfinished');
    expect(events.some((it) => it.includes('gap'))).toBe(false);
  });
  test('a RST elsewhere in the window is behind what was sent, but not acknowledged yet, too', () => {
    const script = opened().client('abc').client('def').send('server', { ack: 3 });
    expect(briefEvents(rstAt(script, 4)).slice(-2)).toEqual(['client reset', 'close reset']);
    const goesOn = rstAt(opened().client('abc').client('def').send('server', { ack: 3 }), 4).client('g');
    expect(briefEvents(goesOn).slice(3)).toEqual(['client ignored inside', 'client "g"', 'close unfinished']);
  });
  test('a RST in the window behind a hole is accepted: the receiver may have what is missing', () => {
    const script = () => opened().client('a').lose('client', 2).client('d').send('server', { ack: 1 });
    expect(briefEvents(rstAt(script(), 4)).slice(2)).toEqual([
      'client gap 2 lost',
      'client "d"',
      'client reset',
      'close reset',
    ]);
    const followed = rstAt(script(), 4).send('server', { data: 'x', ack: 1 });
    expect(briefEvents(followed)).toEqual([
      'open',
      'client "a"',
      'client gap 2 lost',
      'client "d"',
      'client reset',
      'after reset 1 packets 1 bytes',
      'close reset',
    ]);
  });
  test('a RST elsewhere in the window is heeded behind bytes that were acknowledged and not recorded, and ignored before them', () => {
    const script = () => opened().client('a').lose('client', 9).ack('server');
    expect(briefEvents(rstAt(script(), 10)).slice(2)).toEqual([
      'client gap 9 lost',
      'client reset',
      'close reset',
    ]);
    expect(briefEvents(rstAt(script(), 1)).slice(2)).toEqual([
      'client ignored outside',
      'client gap 9 lost',
      'close unfinished',
    ]);
  });
  test('a RST elsewhere in the window followed by one at the next byte, as a receiver asks for, ends both sides', () => {
    const script = rstAt(opened().client('abc').ack('server'), 50).send('server', { ack: 3 });
    expect(briefEvents(rstAt(script, 3)).slice(2)).toEqual([
      'client ignored inside',
      'client reset',
      'close reset',
    ]);
  });
});

describe('a RST outside of the window', () => {
  /** A connection whose server has this window, by these scales; what is known of it is its SYNs' and this. */
  const offered = (window: number, client: number | null, server: number | null): Script =>
    conversation()
      .send('client', { flags: TCP_SYN, ack: null, position: 0, scale: client, window: 1 })
      .send('server', { flags: TCP_SYN, position: 0, scale: server, window: 1 })
      .ack('client')
      .send('server', { window });

  prop.prop(
    [
      fc.record({
        window: fc.integer({ min: 0, max: 65_535 }),
        client: fc.constantFrom(NO_SCALE, 0, 7, 14),
        server: fc.constantFrom(NO_SCALE, 0, 1, 7, 14),
        offset: fc.oneof(
          fc.integer({ min: -70_000, max: 200_000 }),
          fc.integer({ min: -(2 ** 30), max: 2 ** 30 }),
        ),
      }),
    ],
    { numRuns: cases(200) },
  )(
    'is ignored, in it it is counted by what follows, and what follows is delivered in any case',
    ({ window, client, server, offset }) => {
      const shift = client === NO_SCALE || server === NO_SCALE ? 0 : server;
      const edge = Math.max(window * 2 ** shift, 1);
      const why = offset === 0 ? 'outlived' : offset > 0 && offset <= edge ? 'inside' : 'outside';
      const script = rstAt(offered(window, client, server), offset);
      script.send('client', { position: 0, data: 'after' }).send('server', { data: 'ok', ack: 5 });
      const rest = ['client "after"', 'server "ok"', 'close unfinished'];
      expect(briefEvents(script)).toEqual(['open', `client ignored ${why}`, ...rest]);
      const alone = briefEvents(rstAt(offered(window, client, server), offset));
      expect(alone.at(-1)).toBe(why === 'outside' ? 'close unfinished' : 'close reset');
    },
  );
  test('a RST outside of the window is held to 16 MiB when the scale of the window was cut off, or the SYN was not recorded', () => {
    const cut = (position: number) => briefEvents(rstAt(offered(65_535, 7, null), position)).at(-1);
    expect([cut(2 ** 24), cut(2 ** 24 + 1)]).toEqual(['close reset', 'close unfinished']);
    const midstream = () => {
      const script = conversation();
      for (let i = 0; i < 40; i++) script.client('a').send('server', { window: 512 });
      return script;
    };
    expect(briefEvents(rstAt(midstream(), 40 + 512 * 2 ** 14)).at(-1)).toBe('close reset');
    expect(briefEvents(rstAt(midstream(), 41 + 512 * 2 ** 14)).at(-1)).toBe('close unfinished');
  });
  test('a RST outside of the window before the first event, in mid-stream, is reported as ignored later', () => {
    const script = conversation()
      .client('abc')
      .send('client', { position: 2 ** 25, flags: TCP_RST });
    expect(briefEventsSoFar(script)).toEqual([]);
    script.segments.push(...conversation({ number: 9 }).send('client', { position: 3, data: 'd' }).segments);
    const events = reassembled(script.segments);
    expect(briefly(events)).toEqual([
      'open',
      'client ignored outside',
      'client "abc"',
      'client "d"',
      'close unfinished',
    ]);
    expect(events[1]).toMatchObject({ position: null, packet: 2 });
  });
  test('a RST outside of the window however many there are, is held back for no more than 64 packets', () => {
    const script = conversation().client('abc');
    for (let i = 0; i < 70; i++) script.send('client', { position: 2 ** 25 + i, flags: TCP_RST });
    const events = whileRecording(script.segments.slice(0, 64));
    expect(events.filter(({ type }) => type === 'ignored')).toHaveLength(63);
  });
  test('a RST outside of the window or in it, in mid-stream, holds nothing back for more than 64 packets, either', () => {
    const script = conversation().client('abc');
    for (let i = 0; i < 70; i++) script.send('client', { position: 5 + i, flags: TCP_RST });
    const events = whileRecording(script.segments.slice(0, 64));
    expect(events.filter(({ type }) => type === 'ignored')).toHaveLength(62);
  });
  test('a RST outside of the window is reported with its position', () => {
    const script = rstAt(opened().client('abc').ack('server'), 900_000).client('d');
    const [ignored] = reassembled(script.segments).filter((it) => it.type === 'ignored');
    expect(ignored).toMatchObject({
      from: 'client',
      why: 'outside',
      position: 900_000,
      length: 0,
      packet: 6,
    });
  });
});

describe('a RST to a SYN', () => {
  const answer = (flags: number, ack: number): Script => {
    const script = conversation().syn('client').send('server', { flags: TCP_RST, ack: 0, position: -1 });
    const last = script.segments[1]!;
    script.segments[1] = { ...last, seq: 0, ack, flags };
    return script;
  };
  test('a RST to a SYN refuses it when it acknowledges it, perhaps with its bytes', () => {
    expect(briefEvents(answer(TCP_RST | TCP_ACK, 1001))).toEqual(['open', 'server reset', 'close reset']);
    const withBytes = conversation()
      .syn('client', 'abc')
      .send('server', { flags: TCP_RST, ack: 3, position: -1 });
    expect(briefEvents(withBytes)).toEqual(['open', 'client "abc"', 'server reset', 'close reset']);
  });
  test.each([
    ['nothing', TCP_RST, 0],
    ['nothing, whatever number it has', TCP_RST, 1001],
    ['what is before it', TCP_RST | TCP_ACK, 1000],
    ['what is far behind it', TCP_RST | TCP_ACK, 500_000],
  ])('a RST to a SYN is ignored when it acknowledges %s', (_, flags, ack) => {
    const script = answer(flags, ack);
    script
      .send('server', { flags: TCP_SYN, position: 0, ack: 0 })
      .send('client', { position: 0, data: 'a', ack: 0 });
    expect(briefEvents(script)).toEqual(['open', 'server ignored unasked', 'client "a"', 'close unfinished']);
  });
  test('a RST to a SYN of who sends it itself, as who only looks for open ports does, ends the conversation', () => {
    const script = conversation().syn('client').synAck('server').rst('client');
    expect(briefEvents(script)).toEqual(['open', 'client reset', 'close reset']);
  });
  test('a RST to a SYN to a SYN/ACK that was not recorded counts where the client has acknowledged', () => {
    const script = conversation().syn('client').lose('server', 5).ack('client').rst('server');
    expect(briefEvents(script).slice(-2)).toEqual(['server reset', 'close reset']);
  });
});

describe('a recording of one side only', () => {
  test('a recording of one side only has its RST count at the next byte, and near it when nothing follows', () => {
    const side = () => conversation().syn('client').client('abc').client('def');
    expect(briefEvents(rstAt(side(), 6)).slice(-2)).toEqual(['client reset', 'close reset']);
    expect(briefEvents(rstAt(side(), 600)).slice(-3)).toEqual([
      'client gap 594 lost',
      'client reset',
      'close reset',
    ]);
    expect(briefEvents(rstAt(side(), 2 ** 25)).at(-1)).toBe('close unfinished');
  });
});

test('resets of very many conversations wait, and are reported, in order', () => {
  const scripts = Array.from({ length: 2000 }, (_, i) =>
    opened({ clientPort: 1000 + i, number: 1 + 5 * i })
      .client('a')
      .rst(i % 2 === 0 ? 'client' : 'server'),
  );
  const resets = (events: readonly StreamEvent[]) =>
    events.flatMap((event) => (event.type === 'reset' ? [event.conversation.index] : []));
  const all = scripts.map((_, i) => i);
  expect(resets(reassembled(segmentsOf(...scripts)))).toEqual(all);
  expect(resets(whileRecording(segmentsOf(...scripts)))).toEqual([]);
  expect(resets(whileRecording(segmentsOf(...scripts, elsewhere(40_000))))).toEqual(all);
});
