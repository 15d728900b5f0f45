/** How conversations end: FIN, half-close, RST, and tuples that are used again. */
import { describe, expect, test } from 'vitest';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../../src/capture/segment.ts';
import {
  briefEvents,
  briefly,
  conversation,
  opened,
  reassembled,
  settledMidstream,
  whileRecording,
} from '../../support/captures/segments.ts';

describe('a FIN', () => {
  test('a FIN of each side ends that side, and both end the conversation', () => {
    const { segments } = opened().client('a').close();
    const events = whileRecording(segments);
    expect(briefly(events)).toEqual(['open', 'client "a"', 'client end', 'server end', 'close ended']);
    const [, , , , fin] = segments;
    expect(events[2]).toMatchObject({ position: 1, packet: 5, capturedAt: fin!.packet.time });
  });
  test('a FIN may bring the last bytes', () => {
    expect(briefEvents(opened().fin('client', 'abc'))).toEqual([
      'open',
      'client "abc"',
      'client end',
      'close unfinished',
    ]);
  });
  test('a FIN that comes before the bytes in front of it waits for them', () => {
    const script = opened()
      .send('client', { position: 3, flags: TCP_FIN })
      .send('client', { position: 0, data: 'abc' });
    const events = whileRecording(script.segments);
    expect(briefly(events)).toEqual(['open', 'client "abc"', 'client end']);
    const [, , , fin, data] = script.segments;
    expect(events[2]).toMatchObject({ capturedAt: fin!.packet.time, deliverableAt: data!.packet.time });
  });
  test('a FIN that comes again has no event', () => {
    const script = opened().fin('client', 'abc').send('client', { position: 0, data: 'abc', flags: TCP_FIN });
    expect(briefEvents(script)).toEqual(['open', 'client "abc"', 'client end', 'close unfinished']);
  });
  test('a FIN at another place, when all bytes there were delivered, is none', () => {
    expect(
      briefEvents(opened().client('abc').send('client', { position: 1, flags: TCP_FIN }).client('d')),
    ).toEqual(['open', 'client "abc"', 'client "d"', 'close unfinished']);
  });
  test('a FIN far ahead of another, as garbage may have it, gives way to that', () => {
    const script = opened()
      .client('abc')
      .send('client', { position: 500_000_000, flags: TCP_FIN })
      .send('client', { position: 3, data: 'def' })
      .send('client', { position: 6, flags: TCP_FIN })
      .send('server', { position: 0, flags: TCP_FIN });
    expect(briefEvents(script)).toEqual([
      'open',
      'client "abc"',
      'client "def"',
      'client end',
      'server end',
      'close ended',
    ]);
  });
  test('a FIN lets nothing be sent behind it, be it before or after', () => {
    const after = opened().fin('client', 'ab').send('client', { position: 2, data: 'xyz' });
    expect(briefEvents(after)).toEqual(['open', 'client "ab"', 'client end', 'close unfinished']);
    const before = opened().send('client', { position: 1, data: 'bxyz' });
    before.send('client', { position: 2, flags: TCP_FIN }).send('client', { position: 0, data: 'a' });
    expect(briefEvents(before)).toEqual([
      'open',
      'client "a"',
      'client "b"',
      'client end',
      'close unfinished',
    ]);
  });
  test('a FIN leaves the other side open, for however long', () => {
    const script = opened().fin('client').wait(3_600_000).server('abc').ack('client').wait(3_600_000);
    expect(briefEvents(script.server('de').fin('server').ack('client'))).toEqual([
      'open',
      'client end',
      'server "abc"',
      'server "de"',
      'server end',
      'close ended',
    ]);
  });
  test('a FIN of both at the same time ends both', () => {
    const script = opened().send('client', { flags: TCP_FIN }).send('server', { flags: TCP_FIN, ack: 0 });
    expect(briefEvents(script.ack('client').ack('server'))).toEqual([
      'open',
      'client end',
      'server end',
      'close ended',
    ]);
  });
  test('a FIN shows the bytes that are missing in front of it', () => {
    expect(briefEvents(opened().client('a').lose('client', 9).close())).toEqual([
      'open',
      'client "a"',
      'server end',
      'client gap 9 lost',
      'client end',
      'close ended',
    ]);
  });
  test('a FIN that was not recorded is not a missing byte', () => {
    const script = opened().client('a').lose('client', 1).server('b');
    expect(briefEvents(script)).toEqual(['open', 'client "a"', 'server "b"', 'close unfinished']);
  });
});

describe('what comes after both ends', () => {
  test('a segment after both ends is nothing: the last acknowledgements, retransmissions, a RST', () => {
    const script = opened().client('abc').close();
    script
      .ack('client')
      .send('client', { position: 0, data: 'abc' })
      .send('client', { position: 3, flags: TCP_FIN });
    script.rst('server').ack('server');
    expect(briefEvents(script).slice(-2)).toEqual(['server end', 'close ended']);
  });
  test('a segment after both ends is nothing when it is the SYN again', () => {
    const script = opened().close();
    script.segments.push(...script.segments.slice(0, 3));
    expect(briefEvents(script)).toEqual(['open', 'client end', 'server end', 'close ended']);
  });
  test('a segment after both ends is another conversation when its numbers are far away', () => {
    const next = conversation({ clientIsn: 900_000_000, serverIsn: 900_000_000, number: 20 }).client('a');
    expect(briefEvents(opened().close(), next).slice(4)).toEqual(['open', 'client "a"', 'close unfinished']);
  });
  test('a segment after both ends is another when the SYN has another number, or comes a minute later', () => {
    const other = conversation({ clientIsn: 1001, number: 20 }).handshake().client('x');
    expect(briefEvents(opened().close(), other).slice(4)).toEqual(['open', 'client "x"', 'close unfinished']);
    const later = conversation({ number: 20, from: 1_700_000_061_000_000_000n }).handshake().client('x');
    expect(briefEvents(opened().close(), later).slice(4)).toEqual(['open', 'client "x"', 'close unfinished']);
  });
});

describe('a RST', () => {
  test('a RST ends both sides', () => {
    const { segments } = opened().client('abc').rst('server');
    const events = reassembled(segments);
    expect(briefly(events)).toEqual(['open', 'client "abc"', 'server reset', 'close reset']);
    const { time } = segments.at(-1)!.packet;
    expect(events[2]).toMatchObject({ position: 0, packet: 5, capturedAt: time, deliverableAt: time });
  });
  test('a RST has an explanation at most, and no bytes of the stream', () => {
    expect(briefEvents(opened().client('abc').rst('client', 'go away'))).toEqual([
      'open',
      'client "abc"',
      'client reset',
      'close reset',
    ]);
  });
  test('a RST that refuses a SYN ends a conversation without bytes', () => {
    const script = conversation().syn('client');
    const { segments } = script.send('server', { flags: TCP_RST, ack: 0, position: -1 });
    segments[1] = { ...segments[1]!, seq: 0, flags: TCP_RST | TCP_ACK };
    expect(briefEvents(script)).toEqual(['open', 'server reset', 'close reset']);
  });
  test('a RST before anything else makes a conversation', () => {
    expect(briefEvents(conversation().rst('server'))).toEqual(['open', 'server reset', 'close reset']);
  });
  test('a RST gives up what waits, on both sides', () => {
    const script = opened().lose('client', 2).client('cd').lose('server', 3).server('x').rst('client');
    expect(briefEvents(script)).toEqual([
      'open',
      'server gap 3 lost',
      'server "x"',
      'client gap 2 lost',
      'client "cd"',
      'client reset',
      'close reset',
    ]);
  });
  test('a RST shows the bytes that are missing in front of it', () => {
    expect(briefEvents(opened().client('a').lose('client', 9).rst('client'))).toEqual([
      'open',
      'client "a"',
      'client gap 9 lost',
      'client reset',
      'close reset',
    ]);
  });
  test.each([-1, -70_000, 2 ** 25, 2 ** 31 - 9])('a RST %i bytes from where it could be is none', (off) => {
    const script = opened().client('abc').ack('server');
    script.send('client', { position: 3 + off, flags: TCP_RST });
    script.segments.push(...conversation({ number: 9 }).send('client', { position: 3, data: 'd' }).segments);
    expect(briefEvents(script)).toEqual([
      'open',
      'client "abc"',
      'client ignored outside',
      'client "d"',
      'close unfinished',
    ]);
  });
  test('a RST may come again, and packets may have been under way', () => {
    const script = opened().client('abc').rst('server').client('def').rst('server').ack('client');
    expect(briefEvents(script)).toEqual([
      'open',
      'client "abc"',
      'server reset',
      'after reset 1 packets 3 bytes',
      'close reset',
    ]);
  });
  test('a RST may be followed by another try with the same number', () => {
    const refused = conversation().syn('client');
    refused.send('server', { flags: TCP_RST, position: 0 });
    const again = conversation({ number: 3 }).handshake().client('a');
    expect(briefEvents(refused, again)).toEqual([
      'open',
      'server reset',
      'close reset',
      'open',
      'client "a"',
      'close unfinished',
    ]);
  });
});

describe('a tuple that is used again', () => {
  test('a tuple that is used again while the conversation is open, by a SYN with another number, closes it', () => {
    const next = conversation({ clientIsn: 7, serverIsn: 9, number: 9 }).handshake().client('new').close();
    const events = reassembled([...opened().client('old').segments, ...next.segments]);
    expect(briefly(events)).toEqual([
      'open',
      'client "old"',
      'close reused',
      'open',
      'client "new"',
      'client end',
      'server end',
      'close ended',
    ]);
    expect(events.flatMap((event) => (event.type === 'open' ? [event.conversation.index] : []))).toEqual([
      0, 1,
    ]);
  });
  test('a tuple that is used again: what waits of the old conversation is delivered first', () => {
    const next = conversation({ clientIsn: 7, number: 9 }).syn('client');
    expect(briefEvents(opened().lose('client', 1).client('b'), next)).toEqual([
      'open',
      'client gap 1 lost',
      'client "b"',
      'close reused',
      'open',
      'close unfinished',
    ]);
  });
  test('a tuple that is used again closes a conversation in mid-stream', () => {
    const next = conversation({ clientIsn: 7, number: 90 }).syn('client');
    expect(briefEvents(settledMidstream(), next).slice(-3)).toEqual([
      'close reused',
      'open',
      'close unfinished',
    ]);
  });
  test('a tuple that is used again by a SYN/ACK that answers no SYN of the conversation closes it', () => {
    const next = conversation({ clientIsn: 70_000_000, serverIsn: 9, number: 9 })
      .synAck('server')
      .client('x');
    expect(briefEvents(opened(), next)).toEqual([
      'open',
      'close reused',
      'open',
      'client "x"',
      'close unfinished',
    ]);
  });
  test('a tuple that is used again the other way round closes the conversation', () => {
    const next = conversation({ serverIsn: 7, number: 90 }).syn('server').synAck('client').server('x');
    expect(briefEvents(opened().close(), next).slice(4)).toEqual(['open', 'client "x"', 'close unfinished']);
  });
  test('a tuple stays one conversation when its SYN is the same', () => {
    const script = opened().client('a');
    script.segments.push(script.segments[0]!, script.segments[1]!);
    expect(briefEvents(script)).toEqual(['open', 'client "a"', 'close unfinished']);
  });
  test('a late SYN in mid-stream, with the number before the first byte, belongs to the conversation', () => {
    const script = settledMidstream().send('client', { position: 0, flags: TCP_SYN, ack: null });
    expect(briefEvents(script).filter((it) => it === 'open')).toHaveLength(1);
  });
});

test('one address and port at both ends is a conversation, too', () => {
  const host = [127, 0, 0, 1];
  const self = conversation({
    clientHost: host,
    serverHost: host,
    clientPort: 9,
    serverPort: 9,
    serverIsn: 1000,
  });
  const script = self.syn('client').synAck('client').client('abc').fin('client');
  expect(briefEvents(script)).toEqual(['open', 'client "abc"', 'client end', 'close unfinished']);
});
