/** How conversations begin: SYNs, with data or late, in mid-stream, and on tuples that are used again. */
import { describe, expect, test } from 'vitest';
import { type Segment, TCP_FIN, TCP_SYN } from '../../../src/capture/segment.ts';
import type { Conversation, StreamEvent } from '../../../src/capture/stream-event.ts';
import {
  briefEvents,
  briefly,
  conversation,
  reassembled,
  type Script,
  whileRecording,
} from '../../support/captures/segments.ts';

const conversations = (events: readonly StreamEvent[]): Conversation[] =>
  events.flatMap((event) => (event.type === 'open' ? [event.conversation] : []));
const of = (script: Script): Conversation[] => conversations(reassembled(script.segments));

describe('who is who', () => {
  const names = { client: '10.0.0.1:40000', server: '10.0.0.2:80' };

  test('the sender of the SYN is the client', () => {
    const script = conversation().handshake();
    const startedAt = script.segments[0]!.packet.time;
    expect(of(script)).toEqual([{ index: 0, ...names, startedAt, opening: 'syn' }]);
  });
  test('the sender of the SYN is the client, whatever its port', () => {
    expect(of(conversation({ clientPort: 20, serverPort: 50_000 }).handshake())).toMatchObject([
      { client: '10.0.0.1:20', server: '10.0.0.2:50000' },
    ]);
  });
  test('without a SYN, the receiver of the SYN/ACK is the client', () => {
    const script = conversation({ clientPort: 20, serverPort: 50_000 }).synAck('server').ack('client');
    expect(of(script)).toMatchObject([{ client: '10.0.0.1:20', opening: 'syn-ack' }]);
  });
  test('without a SYN or SYN/ACK, the side with the lower port is the server', () => {
    expect(of(conversation().server('a').client('b'))).toMatchObject([{ ...names, opening: 'midstream' }]);
    expect(of(conversation().client('a').server('b'))).toMatchObject([{ ...names, opening: 'midstream' }]);
  });
  test('without a SYN or SYN/ACK, and with equal ports, the first to send is the client', () => {
    const script = conversation({ clientPort: 179, serverPort: 179 }).client('a');
    expect(of(script)).toMatchObject([{ client: '10.0.0.1:179', server: '10.0.0.2:179' }]);
  });
  test('a late SYN shows the client, and `open` waits for it', () => {
    const { segments } = conversation({ clientPort: 20, serverPort: 50_000 }).handshake().client('a');
    const events = reassembled([segments[3]!, segments[2]!, segments[0]!, segments[1]!]);
    expect(conversations(events)).toMatchObject([{ client: '10.0.0.1:20', opening: 'syn' }]);
    expect(briefly(events)).toEqual(['open', 'client "a"', 'close unfinished']);
  });
  test.each([
    [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], '[2001:db8::1]:40000'],
    [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], '[::1]:40000'],
    [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], '[::]:40000'],
    [[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1], '[fe80::1:0:0:1]:40000'],
    [[0, 1, 0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7], '[1:0:2:3:4:5:6:7]:40000'],
    [[0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 6, 0, 7], '[1::3:0:0:6:7]:40000'],
    [[0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 0, 0, 0], '[1:2:3:4:5:6::]:40000'],
  ])('an IPv6 address is written as RFC 5952 has it: %j', (clientHost, client) => {
    const serverHost = [0x20, 1, ...new Array<number>(14).fill(9)];
    expect(of(conversation({ clientHost, serverHost }).handshake())).toMatchObject([{ client }]);
  });
});

describe('numbers of conversations', () => {
  test('the numbers of conversations count from 0, by the first packet of each', () => {
    const late = conversation({ clientPort: 1000 }).client('midstream');
    const early = conversation({ clientPort: 1001, number: 2 }).handshake();
    const events = reassembled([...late.segments, ...early.segments]);
    expect(conversations(events).map(({ index, opening }) => [index, opening])).toEqual([
      [1, 'syn'],
      [0, 'midstream'],
    ]);
  });
});

describe('bytes with the SYN', () => {
  test('bytes with the SYN of the client (TCP Fast Open) are its first', () => {
    const script = conversation().syn('client', 'abc').synAck('server').client('de');
    expect(briefEvents(script)).toEqual(['open', 'client "abc"', 'client "de"', 'close unfinished']);
  });
  test('bytes with the SYN that are not taken come again', () => {
    const script = conversation().syn('client', 'abc');
    script
      .send('server', { flags: TCP_SYN, position: 0, ack: 0 })
      .send('client', { position: 0, data: 'abcde' });
    expect(briefEvents(script)).toEqual(['open', 'client "abc"', 'client "de"', 'close unfinished']);
  });
  test('bytes with the SYN of the server, with its SYN/ACK, are its first', () => {
    const script = conversation().syn('client').synAck('server', 'abc').ack('client').server('de');
    expect(briefEvents(script)).toEqual(['open', 'server "abc"', 'server "de"', 'close unfinished']);
  });
  test('bytes in a retransmitted SYN are not delivered twice', () => {
    const script = conversation().syn('client', 'abc').syn('client', 'abc').synAck('server');
    expect(briefEvents(script)).toEqual(['open', 'client "abc"', 'close unfinished']);
  });
});

describe('the SYN', () => {
  test('the SYN may come again', () => {
    const script = conversation().syn('client').syn('client').synAck('server').synAck('server');
    script.client('a').syn('client').client('b');
    expect(briefEvents(script)).toEqual(['open', 'client "a"', 'client "b"', 'close unfinished']);
  });
  test('the SYNs of both sides, when they open at the same time, make one conversation', () => {
    const script = conversation().syn('client').syn('server').synAck('client').synAck('server');
    expect(briefEvents(script.client('a').server('b').close())).toEqual([
      'open',
      'client "a"',
      'server "b"',
      'client end',
      'server end',
      'close ended',
    ]);
  });
  test('a SYN/ACK that has ended its direction is given anew by none with another number', () => {
    const [first, other] = [conversation(), conversation({ serverIsn: 9 })];
    first.send('client', { flags: TCP_SYN, ack: null });
    other.send('server', { flags: TCP_SYN | TCP_FIN });
    first.synAck('server').server('a');
    const segments = [first.segments[0]!, other.segments[0]!, ...first.segments.slice(1)];
    const events = briefly(reassembled(segments));
    expect(events.slice(0, 2)).toEqual(['open', 'server end']);
    expect(events.filter((event) => event.startsWith('server "'))).toEqual([]);
  });
  test('the SYN may be answered anew by a server that keeps no state: the answer that is acknowledged counts', () => {
    const first = conversation({ serverIsn: 77 }).syn('client').synAck('server');
    const second = conversation({ number: 3 }).synAck('server');
    second.send('client', {}).server('abc');
    expect(briefEvents(first, second)).toEqual(['open', 'server "abc"', 'close unfinished']);
    const [syn, answer] = first.segments;
    const acked = conversation({ serverIsn: 77, number: 3 }).send('client', {}).server('abc');
    expect(
      briefly(reassembled([syn!, answer!, acked.segments[0]!, second.segments[0]!, acked.segments[1]!])),
    ).toEqual(['open', 'server "abc"', 'close unfinished']);
  });
  test('the SYN that was not recorded leaves a gap, when the other side acknowledged what follows it', () => {
    const script = conversation().syn('client').lose('server', 5).ack('client').server('abc');
    script.segments[1] = { ...script.segments[1]!, ack: 5001 };
    expect(briefEvents(script)).toEqual(['open', 'server gap 5 lost', 'server "abc"', 'close unfinished']);
  });
});

describe('in mid-stream', () => {
  test('in mid-stream, a side begins with the first byte there is', () => {
    const script = conversation().lose('client', 1000).client('abc').lose('server', 1000).server('de');
    const events = reassembled(script.segments);
    expect(briefly(events)).toEqual(['open', 'client "abc"', 'server "de"', 'close unfinished']);
    expect(events).toMatchObject([{}, { position: 0, seen: 0 }, { position: 0, seen: 3 }, {}]);
  });
  test('in mid-stream, a side begins with the first byte there is, even when the first packets are in another order', () => {
    const script = conversation()
      .send('client', { position: 104, data: 'ef' })
      .send('client', { position: 100, data: 'ab' })
      .send('client', { position: 102, data: 'cd' });
    expect(briefEvents(script)).toEqual([
      'open',
      'client "ab"',
      'client "cd"',
      'client "ef"',
      'close unfinished',
    ]);
  });
  test('in mid-stream, a hole behind an acknowledgement that shows where it is, is a gap', () => {
    const script = conversation()
      .send('client', { position: 100 })
      .send('client', { position: 110, data: 'a' });
    expect(briefEvents(script)).toEqual(['open', 'client gap 10 lost', 'client "a"', 'close unfinished']);
  });
  test('in mid-stream, a keep-alive before the first byte does not make a hole', () => {
    const script = conversation()
      .send('client', { position: 99 })
      .send('client', { position: 100, data: 'a' });
    expect(briefEvents(script)).toEqual(['open', 'client "a"', 'close unfinished']);
  });
  test('in mid-stream, bytes are delivered after 64 packets, and not at the end only', () => {
    const script = conversation().lose('client', 1000);
    for (let i = 0; i < 66; i++) script.client('a');
    expect(countUntilFirst(script.segments)).toBe(64);
    expect(whileRecording(script.segments)).toHaveLength(67);
  });
  test('in mid-stream, bytes are delivered after 256 KiB', () => {
    const script = conversation().lose('client', 1000);
    for (let i = 0; i < 10; i++) script.client(new Uint8Array(60_000));
    expect(countUntilFirst(script.segments)).toBe(5);
  });
  test('in mid-stream, bytes are delivered after 30 seconds of recorded time, by whatever packet they are noticed', () => {
    const script = conversation().client('a');
    const later = conversation({ clientPort: 9, number: 2, from: 1_700_000_031_000_000_000n }).syn('client');
    expect(countUntilFirst([...script.segments, ...later.segments])).toBe(2);
  });
  test('in mid-stream, a side that shows itself later begins where the other had acknowledged', () => {
    const script = conversation().lose('server', 500);
    for (let i = 0; i < 70; i++) script.client('a');
    script.send('server', { position: 502, data: 'cd' }).send('server', { position: 500, data: 'ab' });
    expect(briefEvents(script).filter((it) => it.startsWith('server'))).toEqual([
      'server "ab"',
      'server "cd"',
    ]);
  });
  test('in mid-stream, both sides may end', () => {
    expect(briefEvents(conversation().client('a').server('b').close())).toEqual([
      'open',
      'client "a"',
      'client end',
      'server "b"',
      'server end',
      'close ended',
    ]);
  });
});

/** The number of segments up to the one with the first event. */
const countUntilFirst = (segments: readonly Segment[]): number =>
  1 + segments.findIndex((_, i) => whileRecording(segments.slice(0, i + 1)).length > 0);
