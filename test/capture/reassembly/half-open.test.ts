/** Acknowledgements, and half-open connections that recover: what was never sent is not missing. */
import { fc, test as prop } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { TCP_RST, TCP_SYN } from '../../../src/capture/segment.ts';
import type { Side } from '../../../src/capture/stream-event.ts';
import {
  briefEvents,
  briefly,
  bytesOfSide,
  conversation,
  opened,
  reassembled,
  type Script,
  type Sent,
} from '../../support/captures/segments.ts';
import { cases } from '../../support/random/cases.ts';

/** A segment with exactly these numbers, whatever the script is at. */
function raw(
  script: Script,
  from: 'client' | 'server',
  numbers: { seq: number; ack?: number },
  sent: Sent,
): Script {
  script.send(from, { position: 0, ...sent });
  const last = script.segments.at(-1)!;
  script.segments[script.segments.length - 1] = { ...last, ...numbers };
  return script;
}

/** What a server that still has an older connection makes of a SYN, and how its client puts that right. */
function recovers(script: Script, seq: number, ack: number, data = ''): Script {
  script.syn('client');
  raw(script, 'server', { seq, ack }, { data });
  raw(script, 'client', { seq: ack }, { flags: TCP_RST, ack: null });
  return script.syn('client');
}

const speak = (script: Script): Script =>
  // The script forgets the server's position of the stale packet, too.
  script
    .send('server', { flags: TCP_SYN, position: 0, ack: 0 })
    .send('client', { position: 0, data: 'req', ack: 0 })
    .send('server', { position: 0, data: 'resp', ack: 3 })
    .send('client', { position: 3, data: 'req2', ack: 4 })
    .send('server', { position: 4, data: 'resp2', ack: 7 });
const spoken = ['client "req"', 'server "resp"', 'client "req2"', 'server "resp2"', 'close unfinished'];
const streamOf = (events: readonly string[]): string[] => events.filter((it) => !it.includes('ignored'));

const number = fc.nat({ max: 2 ** 32 - 1 });
const stale = fc
  .record({
    clientIsn: number,
    serverIsn: number,
    seq: number,
    ack: number,
    data: fc.constantFrom('', 'old'),
  })
  // What acknowledges the SYN is not stale.
  .filter(({ clientIsn, ack }) => ((ack - clientIsn) >>> 0) - 1 > 1);

describe('a half-open connection that recovers', () => {
  prop.prop([stale], { numRuns: cases(200) })(
    'is one stream without a gap, whatever the numbers of the older connection',
    ({ clientIsn, serverIsn, seq, ack, data }) => {
      const events = briefly(
        reassembled(speak(recovers(conversation({ clientIsn, serverIsn }), seq, ack, data)).segments),
      );
      expect(streamOf(events)).toEqual(['open', ...spoken]);
      expect(events.some((it) => it.startsWith('client ignored'))).toBe(true);
    },
  );
  prop.prop([stale], { numRuns: cases(100) })(
    'is one stream without a gap when the RST was not recorded, unless old bytes lie where new ones could',
    ({ clientIsn, serverIsn, seq, ack }) => {
      const script = speak(recovers(conversation({ clientIsn, serverIsn }), seq, ack));
      script.segments.splice(2, 1);
      expect(streamOf(briefly(reassembled(script.segments)))).toEqual(['open', ...spoken]);
    },
  );
  test('a half-open connection that recovers has its RST, and the bytes of the older connection, as ignored', () => {
    expect(briefEvents(speak(recovers(conversation(), 900_000, 4_294_898_296, 'old')))).toEqual([
      'open',
      'server ignored stale',
      'client ignored outside',
      ...spoken,
    ]);
  });
  test.each(['the RST', 'no RST'])(
    'a half-open connection that recovers is one stream when its old numbers are near the new ones, with %s to show that they are not',
    (what) => {
      const script = speak(recovers(conversation(), what === 'the RST' ? 5500 : 4500, 5_000_000, 'old'));
      if (what === 'no RST') script.segments.splice(2, 1);
      const events = briefEvents(script);
      expect(streamOf(events)).toEqual(['open', ...spoken]);
      expect(events).toContain('server ignored stale');
    },
  );
  test('a half-open connection that recovers is one stream when a SYN/ACK to an older SYN brings bytes', () => {
    const script = conversation().syn('client');
    raw(script, 'server', { seq: 300, ack: 91 }, { flags: TCP_SYN, data: 'old' });
    expect(streamOf(briefEvents(speak(script)))).toEqual(['open', ...spoken]);
  });
  test('a half-open connection that recovers is one stream when a SYN/ACK to an older SYN comes first (RFC 9293, section 3.5, figure 8)', () => {
    const script = conversation().syn('client');
    raw(script, 'server', { seq: 300, ack: 91 }, { flags: TCP_SYN });
    raw(script, 'client', { seq: 91 }, { flags: TCP_RST, ack: null });
    expect(streamOf(briefEvents(speak(script)))).toEqual(['open', ...spoken]);
  });
  test('a half-open connection that recovers is one stream when the SYN is answered half a minute and more after it', () => {
    const script = recovers(conversation(), 900_000, 5_000_000).wait(31_000).syn('client').wait(31_000);
    expect(streamOf(briefEvents(speak(script.syn('client'))))).toEqual(['open', ...spoken]);
  });
  test('a half-open connection that recovers leaves the older connection as it was, when that is in the recording, too', () => {
    const old = opened({ clientIsn: 7, serverIsn: 8 }).client('before');
    const script = recovers(conversation({ number: 20 }), 9, 14);
    expect(streamOf(briefEvents(old, speak(script)))).toEqual([
      'open',
      'client "before"',
      'close reused',
      'open',
      ...spoken,
    ]);
  });
  test('a half-open connection that recovers shows no gap for a SYN/ACK that is given anew with a lower number', () => {
    const first = conversation({ serverIsn: 900_000 }).syn('client').synAck('server');
    const anew = conversation({ number: 3 }).synAck('server').client('a').server('b');
    expect(briefEvents(first, anew)).toEqual(['open', 'client "a"', 'server "b"', 'close unfinished']);
  });
});

describe('an acknowledgement', () => {
  test.each([65_536, 894_990, 976_271_786, 2 ** 31 - 20])(
    'an acknowledgement of %i bytes that the window did not allow shows no gap',
    (ahead) => {
      const script = opened()
        .client('abc')
        .ack('server')
        .send('server', { ack: ahead + 3 });
      script.client('d').send('server', { ack: 4 });
      expect(briefEvents(script)).toEqual(['open', 'client "abc"', 'client "d"', 'close unfinished']);
    },
  );
  test('an acknowledgement of bytes that the window allowed, and that were not recorded, shows a gap', () => {
    const script = opened().client('abc').ack('server').send('server', { ack: 60_003 });
    expect(briefEvents(script)).toEqual([
      'open',
      'client "abc"',
      'client gap 60000 lost',
      'close unfinished',
    ]);
  });
  test('an acknowledgement is held to the window as it is scaled by both SYNs, and to none that is not', () => {
    const scaled = (client: number, server: number) =>
      conversation()
        .send('client', { flags: TCP_SYN, ack: null, position: 0, scale: client })
        .send('server', { flags: TCP_SYN, position: 0, scale: server })
        .ack('client')
        .send('server', { window: 1000 })
        .send('server', { ack: 128_000 })
        .client('a');
    expect(briefEvents(scaled(0, 7))).toEqual([
      'open',
      'client "a"',
      'client gap 127999 lost',
      'close unfinished',
    ]);
    expect(briefEvents(scaled(-1, 7))).toEqual(['open', 'client "a"', 'close unfinished']);
    expect(briefEvents(scaled(0, 6))).toEqual(['open', 'client "a"', 'close unfinished']);
  });
  test('an acknowledgement further than any window is believed once another goes on from it: packets of both sides are missing', () => {
    const script = opened().client('a').ack('server').lose('client', 1_000_000).ack('server');
    expect(briefEvents(script)).toEqual(['open', 'client "a"', 'close unfinished']);
    expect(briefEvents(script.ack('server'))).toEqual(['open', 'client "a"', 'close unfinished']);
    expect(briefEvents(script.lose('client', 1000).ack('server'))).toEqual([
      'open',
      'client "a"',
      'client gap 1001000 lost',
      'close unfinished',
    ]);
  });
  test('an acknowledgement that is not believed leaves the `seen` of its chunk unknown', () => {
    const script = opened().server('xyz').send('client', { data: 'a', ack: 3 });
    script.send('client', { data: 'b', ack: 500_000 });
    const seen = reassembled(script.segments).flatMap((it) =>
      it.type === 'chunk' && it.from === 'client' ? [it.seen] : [],
    );
    expect(seen).toEqual([3, null]);
  });
  test('an acknowledgement that is not believed does not make bytes lost that come later', () => {
    const script = opened().client('a').ack('server').send('client', { position: 2, data: 'c' });
    script.send('server', { ack: 900_000 });
    for (let i = 0; i < 2000; i++) script.send('server', { data: 'x', ack: 1 });
    script.send('client', { position: 1, data: 'b' });
    expect(bytesOfSide(reassembled(script.segments), 'client')).toEqual(Uint8Array.from([97, 98, 99]));
  });
  test('an acknowledgement and a number without bytes from before the connection show no gap after its SYN', () => {
    const script = opened().client('a').server('b').send('server', { position: 894_000 });
    expect(briefEvents(script)).toEqual(['open', 'client "a"', 'server "b"', 'close unfinished']);
  });
});

/** Each further from any other than a window. */
const garbage = fc.array(
  fc.record({ ahead: fc.integer({ min: 1, max: 2047 }), from: fc.constantFrom<Side>('client', 'server') }),
  { maxLength: 8 },
);

prop.prop([fc.record({ clientIsn: number, serverIsn: number }), garbage], { numRuns: cases(100) })(
  'acknowledgements out of every window change no event',
  (ends, acks) => {
    const script = opened(ends);
    const clean = opened(ends);
    for (const { ahead, from } of acks) {
      for (const each of [script, clean]) each.client('c').server('s').ack('client');
      script.send(from, { ack: ahead * 2 ** 20 });
    }
    expect(briefEvents(script)).toEqual(briefEvents(clean));
  },
);
