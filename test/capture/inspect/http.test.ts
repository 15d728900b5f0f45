/** HTTP/1 in a recording: requests, responses and chunks are frames, however they were cut. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createInspector } from '../../../src/capture/inspect/inspect.ts';
import type { InspectEvent } from '../../../src/capture/inspect/inspect-event.ts';
import { conversation, reassembled } from '../../support/captures/segments.ts';

type Said = readonly (readonly ['client' | 'server', string])[];

/** The events of a conversation in which that was said, in pieces of these lengths in turn. */
function eventsOf(said: Said, cuts: readonly number[] = [10_000]): InspectEvent[] {
  const script = conversation({ serverPort: 8080 }).handshake();
  let turn = 0;
  for (const [from, text] of said) {
    for (let at = 0; at < text.length; ) {
      const piece = text.slice(at, at + cuts[turn++ % cuts.length]!);
      script.send(from, { data: piece });
      at += piece.length;
    }
  }
  script.fin('client').fin('server');
  const { take } = createInspector();
  const events: InspectEvent[] = [];
  for (const event of reassembled(script.segments)) take(event, (it) => events.push(it));
  return events;
}

const framesOf = (events: readonly InspectEvent[]): string[] =>
  events.flatMap((event) => {
    if (event.type === 'fault') return [`${event.from}: ${event.code}: ${event.message}`];
    if (event.type !== 'frame') return [];
    const state = event.state === 'whole' ? '' : ` ${event.state}`;
    return [`${event.from}: ${event.label}, ${event.length}${state}`];
  });

const get = (path: string, method = 'GET'): string => `${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const reply = (status: string, fields: string, body = ''): string =>
  `HTTP/1.1 ${status}\r\n${fields}\r\n${body}`;

const EVERYTHING: Said = [
  ['client', get('/a')],
  ['server', reply('200 OK', 'Content-Length: 5\r\n', 'abcde')],
  ['client', get('/head', 'HEAD') + get('/chunked')],
  ['server', reply('200 OK', 'content-length: 500\r\n')],
  [
    'server',
    reply('200 OK', 'Transfer-Encoding: gzip, chunked\r\n', 'a;x=1\r\n0123456789\r\n0\r\nX: 1\r\n\r\n'),
  ],
  ['client', `POST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyz`],
  ['server', reply('100 Continue', '') + reply('204 No Content', '')],
  ['client', get('/close')],
  ['server', reply('200 ', '', 'up to the end')],
];
const FRAMES = [
  'client: GET /a, 0',
  'client: HEAD /head, 0',
  'client: GET /chunked, 0',
  'client: POST /b, 3',
  'client: GET /close, 0',
  'server: 200 OK, 5',
  'server: 200 OK, 0',
  'server: 200 OK, 0',
  'server: chunk, 12',
  'server: last chunk, 0',
  'server: 100 Continue, 0',
  'server: 204 No Content, 0',
  'server: 200, 13',
];

describe('frames of HTTP/1', () => {
  test('requests, responses and chunks have their lines and lengths, however they were cut', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(cuts, (lengths) => {
        const frames = framesOf(eventsOf(EVERYTHING, [5, ...lengths]));
        expect(frames.toSorted((a, b) => (a[0]! < b[0]! ? -1 : a[0]! > b[0]! ? 1 : 0))).toEqual(FRAMES);
      }),
    );
  });

  test('behind an upgrade and behind CONNECT nothing is read as HTTP/1', () => {
    const upgraded: Said = [
      ['client', get('/ws')],
      ['server', reply('101 Switching Protocols', 'Upgrade: websocket\r\n')],
      ['client', '\x81\x03abc\r\n\r\n'],
      ['server', '\x81\x05abcde'],
    ];
    const frames = framesOf(eventsOf(upgraded));
    expect(frames.toSorted()).toEqual([
      ...['client: GET /ws, 0', 'client: no longer HTTP/1, 8'],
      ...['server: 101 Switching Protocols, 0', 'server: no longer HTTP/1, 6'],
    ]);
    const tunnel: Said = [
      ['client', get('a:443', 'CONNECT')],
      ['server', reply('200 OK', '', '\x16\x03')],
    ];
    expect(framesOf(eventsOf(tunnel))).toEqual([
      ...['client: CONNECT a:443, 0', 'server: 200 OK, 0', 'server: no longer HTTP/1, 1'],
    ]);
  });

  test.each([
    ['what is no response', 'HELO\r\n\r\n', 'no response of HTTP/1 begins so'],
    [
      'a size that is none',
      reply('200 OK', 'Transfer-Encoding: chunked\r\n', 'xyz\r\n'),
      "a chunk's size is a hexadecimal number and the end of its line",
    ],
    [
      'a head without an end',
      `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(11_000)}`,
      'a head of more than 65536 bytes',
    ],
  ])('%s is a fault', (_, said, words) => {
    const [, fault] = framesOf(
      eventsOf([
        ['client', get('/')],
        ['server', said],
      ]),
    ).slice(-2);
    expect(fault).toContain(words);
  });
});
