import { P } from 'ts-pattern';
import { describe, expect, test } from 'vitest';
import { serviceFault } from '../../../src/files/protocol/errors.ts';
import { acknowledge, refuse } from '../../../src/files/session/answers.ts';
import { defineCommand } from '../../../src/files/session/command.ts';
import { commands } from '../../../src/files/session/dispatch.ts';
import type { SessionEvent } from '../../../src/files/session/event.ts';
import { createSession } from '../../../src/files/session/session.ts';
import { costOf } from '../../../src/files/session/state.ts';
import {
  asked,
  bodyEnd,
  conversation,
  data,
  refusals,
  replies,
  request,
  result,
  stored,
} from '../../support/sessions/session-events.ts';

const put = (filename: string, filesize: number, more = {}) =>
  request({ cmd: 'put', filename, filesize, ...more }, filesize);
const full = serviceFault('disk-full', undefined, { cause: 'ENOSPC' });
const info = (name: string, size = 3) => ({ name, size, mtime: 7 });

describe('a peer that no answer can reach any more', () => {
  const get = (filename: string, id: number) => request({ cmd: 'get', filename, id });

  test('a peer that no answer can reach any more has what only reads dropped, begun or not, and what changes something carried out', () => {
    const talk = conversation();
    talk.say(get('a', 1), bodyEnd, put('b', 1), data('x'), bodyEnd, get('c', 3), bodyEnd);
    talk.say(result(1, { of: 'open', ok: true, value: info('a') }));
    expect(talk.say({ type: 'unreachable' })).toEqual(
      expect.arrayContaining([
        { type: 'drop', request: 1 },
        { type: 'drop', request: 3 },
      ]),
    );
    const later = talk.say(
      get('d', 4),
      bodyEnd,
      request({ cmd: 'list' }),
      bodyEnd,
      put('e', 1),
      data('x'),
      bodyEnd,
    );
    expect(asked(later).map(({ type }) => type)).toEqual(['openPut', 'write', 'commit']);
    expect(replies(talk.say(stored(2, 'b', 1), stored(4, 'e', 1)))).toEqual([]);
    expect(talk.state().requests).toEqual([]);
  });

  test('a peer that no answer can reach any more has a request that waits for one that is dropped go on', () => {
    const talk = conversation();
    talk.say(get('a', 1), bodyEnd, request({ cmd: 'delete', filename: 'a' }));
    expect(talk.accepts()).toBe(false);
    expect(asked(talk.say({ type: 'unreachable' }))).toEqual([{ type: 'remove', request: 2, name: 'a' }]);
  });

  test('a peer that no answer can reach any more has its token checked all the same, since what changes something may need it', () => {
    const talk = conversation();
    talk.say({ type: 'unreachable' });
    expect(asked(talk.say(request({ cmd: 'hello', token: 't' })))).toMatchObject([{ type: 'hello' }]);
  });

  test('a peer that no answer can reach any more has a command of a user’s own carried out, unless it says that it only reads', () => {
    const begun: string[] = [];
    const own = (cmd: string, more: { readonly readOnly?: boolean; readonly touches?: 'allFiles' }) =>
      defineCommand({
        pattern: { cmd },
        touches: {},
        ...more,
        start: () => {
          begun.push(cmd);
          return acknowledge(null);
        },
        on: (state: null) => ({ state }),
      });
    const mine = [own('count', {}), own('look', { readOnly: true }), own('survey', { touches: 'allFiles' })];
    const talk = conversation(createSession(mine, { openRequests: 8 }));
    talk.say({ type: 'unreachable' });
    for (const { cmd } of mine) talk.say(request({ cmd }), bodyEnd);
    expect(begun).toEqual(['count']);
  });
});

describe('what is kept of a header', () => {
  const { trimHeader } = createSession(commands, { openRequests: 8 });
  const large = Array.from({ length: 10 }, () => [[]]);

  test('what is kept of a header is what its command looks at', () => {
    const header = { cmd: 'put', filename: 'a', filesize: 3, id: 7, pad: 'x'.repeat(60_000), more: large };
    expect(trimHeader(header)).toEqual({ cmd: 'put', filename: 'a', filesize: 3, id: 7 });
    expect(trimHeader({ cmd: 'ping', filename: 'a' })).toEqual({ cmd: 'ping' });
  });

  test('what is kept of a header is not what its command does not expect, though it is refused for the same reason', () => {
    expect(trimHeader({ cmd: 'stat', filename: large })).toEqual({ cmd: 'stat', filename: [] });
    expect(trimHeader({ cmd: 'stat', filename: { a: large }, id: large })).toEqual({
      cmd: 'stat',
      filename: {},
      id: [],
    });
  });

  test('what is kept of a header is what can be quoted where no command knows it', () => {
    expect(trimHeader({ cmd: 'x'.repeat(100), filename: 'y'.repeat(1000), id: 1, more: large })).toEqual({
      cmd: 'x'.repeat(64),
      filename: 'y'.repeat(256),
      id: 1,
    });
    expect(trimHeader({ cmd: large, id: large })).toEqual({});
  });

  test('what is kept of a header is all that a command of a user’s own names, however large', () => {
    const own = defineCommand({
      pattern: { cmd: 'own', rows: P.array(P.any) },
      touches: {},
      start: () => acknowledge(null),
      on: (state: null) => ({ state }),
    });
    const session = createSession([own], { openRequests: 8 });
    expect(session.trimHeader({ cmd: 'own', rows: large, other: 1 })).toEqual({ cmd: 'own', rows: large });
    expect(session.trimHeader({ cmd: 'own', rows: { large } })).toEqual({ cmd: 'own', rows: {} });
  });
});

describe('a request that there is no memory for', () => {
  test('a request that there is no memory for is refused before its body, which is skipped, and the next one is served', () => {
    const talk = conversation();
    const refused = serviceFault('busy');
    const event = {
      type: 'request',
      header: { cmd: 'put', filename: 'a', filesize: 2 },
      body: 2,
      cost: 9,
    } as const;
    const effects = talk.say({ ...event, refused }, data('xx'), bodyEnd, request({ cmd: 'ping' }), bodyEnd);
    expect(asked(effects)).toEqual([]);
    expect(replies(effects)).toEqual([{ cmd: 'put', error: refused }, { ack: 'ping' }]);
    expect(costOf(talk.state())).toBe(0);
  });
});

describe('a put', () => {
  test('a put is begun, written, committed, and only then acknowledged', () => {
    const talk = conversation();
    expect(asked(talk.say(put('a', 5)))).toEqual([{ type: 'openPut', request: 1, name: 'a', size: 5 }]);
    expect(asked(talk.say(data('hel'), data('lo')))).toEqual([
      { type: 'write', request: 1, bytes: new TextEncoder().encode('hel') },
      { type: 'write', request: 1, bytes: new TextEncoder().encode('lo') },
    ]);
    const ended = talk.say(bodyEnd);
    expect(asked(ended)).toEqual([{ type: 'commit', request: 1 }]);
    expect(replies(ended)).toEqual([]);
    expect(replies(talk.say(stored(1, 'a', 5)))).toEqual([
      { ack: 'put', filename: 'a', size: 5, crc32: 42, durable: true },
    ]);
  });

  test('a put of an empty file is begun and committed', () => {
    const talk = conversation();
    expect(asked(talk.say(put('a', 0), bodyEnd)).map(({ type }) => type)).toEqual(['openPut', 'commit']);
  });

  test('a put that cannot begin is refused at once, and the rest of its body is skipped', () => {
    const talk = conversation();
    talk.say(put('a', 6));
    const failed = talk.say(result(1, { of: 'openPut', ok: false, error: full }));
    expect(replies(failed)).toEqual([{ error: full, cmd: 'put' }]);
    expect(talk.say(data('hello'))).toEqual([]);
    expect(asked(talk.say(bodyEnd))).toEqual([]);
  });

  test('a put that fails while it is written is refused once, and what is behind it is served', () => {
    const talk = conversation();
    talk.say(
      put('a', 6),
      data('hel'),
      result(1, { of: 'write', ok: false, error: full }),
      data('lo!'),
      bodyEnd,
    );
    talk.say(request({ cmd: 'ping', id: 9 }), bodyEnd);
    expect(replies(talk.log)).toEqual([
      { error: full, cmd: 'put' },
      { ack: 'ping', id: 9 },
    ]);
  });

  test('a put whose commit fails is refused', () => {
    const talk = conversation();
    talk.say(put('a', 1, { id: 'x' }), data('h'), bodyEnd);
    expect(replies(talk.say(result(1, { of: 'commit', ok: false, error: full })))).toEqual([
      { error: full, cmd: 'put', id: 'x' },
    ]);
  });

  test('a put from an offset is refused with the right one: nothing is kept of an interrupted put', () => {
    const talk = conversation();
    talk.say(request({ cmd: 'put', filename: 'a', filesize: 9, offset: 4 }, 5));
    expect(replies(talk.log)).toMatchObject([{ error: { code: 'bad-offset', offset: 0 } }]);
    expect(asked(talk.log)).toEqual([]);
  });

  test.each([
    '',
    '/a',
    '../a',
    'a/../b',
    'a//b',
    'a\\b',
    'C:x',
    'a\0b',
    '.sluice/x',
    '.SLUICE/x',
    'x'.repeat(256),
  ])('a put to the name %j is refused before anything is begun', (filename) => {
    const talk = conversation();
    talk.say(put(filename, 3), data('abc'), bodyEnd);
    expect(replies(talk.log)).toMatchObject([
      { error: { code: 'bad-filename', field: 'filename' }, cmd: 'put' },
    ]);
    expect(asked(talk.log)).toEqual([]);
  });

  test('a put with a field of the wrong kind is refused with the name of the field', () => {
    const talk = conversation();
    talk.say(put('a', 1, { mtime: 'noon' }), data('a'), bodyEnd);
    expect(replies(talk.log)).toMatchObject([{ error: { code: 'bad-request', field: 'mtime' } }]);
  });
});

describe('replies', () => {
  test('replies come in the order of the requests, however their effects finish', () => {
    const talk = conversation();
    talk.say(put('a', 0), bodyEnd, put('b', 0), bodyEnd, request({ cmd: 'ping' }), bodyEnd);
    expect(replies(talk.say(stored(2, 'b', 0)))).toEqual([]);
    expect(replies(talk.say(stored(1, 'a', 0)))).toMatchObject([
      { ack: 'put', filename: 'a' },
      { ack: 'put', filename: 'b' },
      { ack: 'ping' },
    ]);
  });

  test('acks to a peer that shows no sign of reading are not eager; errors always are', () => {
    const talk = conversation();
    talk.say(put('a', 0), bodyEnd, stored(1, 'a', 0), put('../b', 0), bodyEnd);
    expect(talk.log.flatMap((effect) => (effect.type === 'reply' ? [effect.eager] : []))).toEqual([
      false,
      true,
    ]);
  });

  test.each([
    ['an id', { cmd: 'put', filename: 'a', filesize: 0, id: 1 }],
    ['a request that makes sense only to one who reads', { cmd: 'ping' }],
  ])('replies are eager once the peer has sent %s', (_, header) => {
    const talk = conversation();
    talk.say(request(header), bodyEnd);
    if (header.cmd === 'put') talk.say(stored(1, 'a', 0));
    talk.say(put('b', 0), bodyEnd, stored(2, 'b', 0));
    expect(talk.log.flatMap((effect) => (effect.type === 'reply' ? [effect.eager] : []))).toEqual([
      true,
      true,
    ]);
  });

  test('answers to an unknown command say so, and its filesize is skipped', () => {
    const talk = conversation();
    talk.say(request({ cmd: 'fly', filesize: 3, id: 1 }, 3), data('abc'), bodyEnd);
    expect(replies(talk.log)).toMatchObject([{ error: { code: 'unknown-command' }, cmd: 'fly', id: 1 }]);
    expect(costOf(talk.state())).toBe(0);
  });

  test.each([[{}], [{ cmd: 7 }], [{ cmd: null }], [{ cmd: ['put'] }]])(
    'answers to %j, which names no command, say that cmd must be a string',
    (header) => {
      const talk = conversation();
      talk.say(request(header), bodyEnd);
      expect(replies(talk.log)).toMatchObject([{ error: { code: 'unknown-command' } }]);
    },
  );

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'the name %s is no command',
    (cmd) => {
      const talk = conversation();
      talk.say(request({ cmd }), bodyEnd);
      expect(replies(talk.log)).toMatchObject([{ error: { code: 'unknown-command' }, cmd }]);
    },
  );
});

describe('overlap', () => {
  test('puts to different names are under way at once', () => {
    const talk = conversation();
    talk.say(put('a', 0), bodyEnd, put('b', 0), bodyEnd);
    expect(asked(talk.log).map(({ type }) => type)).toEqual(['openPut', 'commit', 'openPut', 'commit']);
  });

  test.each([
    ['get of the same name', { cmd: 'get', filename: 'a' }],
    ['put of the same name', { cmd: 'put', filename: 'a', filesize: 0 }],
    ['stat of the same name', { cmd: 'stat', filename: 'a' }],
    ['list', { cmd: 'list' }],
    ['rename from it', { cmd: 'rename', filename: 'a', to: 'z' }],
    ['rename to it', { cmd: 'rename', filename: 'z', to: 'a' }],
    ['delete of it', { cmd: 'delete', filename: 'a' }],
    ['put of a name below it', { cmd: 'put', filename: 'a/b', filesize: 0 }],
  ])('a %s waits for the put before it', (_, header) => {
    const talk = conversation();
    talk.say(put('a', 0), bodyEnd);
    expect(asked(talk.say(request(header)))).toEqual([]);
    expect(talk.accepts()).toBe(false);
    expect(asked(talk.say(stored(1, 'a', 0)))).toHaveLength(1);
    expect(talk.accepts()).toBe(true);
  });

  test('a name that only begins alike does not wait', () => {
    const talk = conversation();
    talk.say(put('a', 0), bodyEnd, put('ab', 0), bodyEnd, put('b', 0), bodyEnd);
    expect(talk.accepts()).toBe(true);
  });

  test('two reads of one name do not wait for one another', () => {
    const talk = conversation();
    talk.say(
      request({ cmd: 'stat', filename: 'a' }),
      bodyEnd,
      request({ cmd: 'get', filename: 'a' }),
      bodyEnd,
    );
    expect(talk.accepts()).toBe(true);
  });

  test('a put waits while the file is opened for a get, and no longer', () => {
    const talk = conversation();
    talk.say(request({ cmd: 'get', filename: 'a' }), bodyEnd, put('a', 0));
    expect(talk.accepts()).toBe(false);
    talk.say(result(1, { of: 'open', ok: true, value: info('a') }));
    expect(talk.accepts()).toBe(true);
  });

  test('more requests than may be open wait', () => {
    const talk = conversation(createSession(commands, { openRequests: 2 }));
    talk.say(put('a', 0), bodyEnd, put('b', 0), bodyEnd, put('c', 0));
    expect(talk.accepts()).toBe(false);
    talk.say(stored(2, 'b', 0));
    expect(talk.accepts()).toBe(false);
    talk.say(stored(1, 'a', 0));
    expect(talk.accepts()).toBe(true);
  });
});

describe('a get', () => {
  test('a get sends the file behind its ack, and what comes next behind that', () => {
    const talk = conversation();
    talk.say(request({ cmd: 'get', filename: 'a' }), bodyEnd, request({ cmd: 'ping' }), bodyEnd);
    const opened = talk.say(result(1, { of: 'open', ok: true, value: info('a', 5) }));
    expect(opened.filter(({ type }) => type !== 'command')).toEqual([
      {
        type: 'reply',
        reply: { ack: 'get', filename: 'a', size: 5, mtime: 7, offset: 0, body: 5 },
        eager: true,
      },
      { type: 'send', request: 1, offset: 0, length: 5 },
    ]);
    const sent = talk.say(result(1, { of: 'send', ok: true, value: 5 }));
    expect(replies(sent)).toEqual([{ ack: 'ping' }]);
    expect(sent).toContainEqual({ type: 'closeFile', request: 1 });
  });

  test.each([
    [{ offset: 2 }, 2, 3],
    [{ offset: 5 }, 5, 0],
    [{ length: 2 }, 0, 2],
    [{ offset: 4, length: 9 }, 4, 1],
  ])('a get of the range %j sends %i and %i bytes of five', (range, offset, length) => {
    const talk = conversation();
    talk.say(request({ cmd: 'get', filename: 'a', ...range }), bodyEnd);
    const opened = talk.say(result(1, { of: 'open', ok: true, value: info('a', 5) }));
    expect(opened).toContainEqual({ type: 'send', request: 1, offset, length });
  });

  test.each([
    [5, ['served']],
    [4, []],
  ])('a get of five bytes of which %i were sent is reported as %j', (value, types) => {
    const talk = conversation();
    talk.say(request({ cmd: 'get', filename: 'a' }), bodyEnd);
    talk.say(result(1, { of: 'open', ok: true, value: info('a', 5) }));
    const sent = talk.say(result(1, { of: 'send', ok: true, value }));
    const reported = sent.flatMap((effect) =>
      effect.type === 'command' && effect.effect.type === 'report' ? [effect.effect.report.type] : [],
    );
    expect(reported).toEqual(types);
  });

  test('a get from past the end is refused with the size, and the file is let go', () => {
    const talk = conversation();
    talk.say(request({ cmd: 'get', filename: 'a', offset: 6 }), bodyEnd);
    const opened = talk.say(result(1, { of: 'open', ok: true, value: info('a', 5) }));
    expect(replies(opened)).toMatchObject([{ error: { code: 'bad-range', size: 5 } }]);
    expect(opened).toContainEqual({ type: 'closeFile', request: 1 });
  });
});

test('only a few files of a connection are open to be sent at once; the next one waits until one was sent', () => {
  const talk = conversation(createSession(commands, { openRequests: 100 }));
  const files = Array.from({ length: 20 }, (_, i) => `f${i}`);
  for (const filename of files) if (talk.accepts()) talk.say(request({ cmd: 'get', filename }), bodyEnd);
  const opened = asked(talk.log).filter(({ type }) => type === 'open');
  expect(opened).toHaveLength(16);
  expect(talk.accepts()).toBe(false);
  talk.say(result(1, { of: 'open', ok: true, value: info('f0') }));
  expect(talk.accepts()).toBe(false);
  talk.say(result(1, { of: 'send', ok: true, value: 3 }));
  expect(talk.accepts()).toBe(true);
});

describe('list', () => {
  test('list answers with the page, and where the next one starts', () => {
    const talk = conversation();
    talk.say(request({ cmd: 'list', prefix: 'p', after: 'p0', limit: 5 }), bodyEnd);
    expect(asked(talk.log)).toEqual([{ type: 'list', request: 1, prefix: 'p', after: 'p0', limit: 5 }]);
    talk.say(result(1, { of: 'list', ok: true, value: { files: [info('p1')], next: 'p1' } }));
    expect(replies(talk.log)).toEqual([{ ack: 'list', files: [info('p1')], next: 'p1' }]);
  });

  test('list keeps a page as long as a reply before it is not sent, and none that comes after its request was dropped', () => {
    const talk = conversation();
    const page = (number: number) =>
      ({ ...result(number, { of: 'list', ok: true, value: { files: [] } }), cost: 100 }) as SessionEvent;
    talk.say(request({ cmd: 'stat', filename: 'a' }), bodyEnd, request({ cmd: 'list' }), bodyEnd, page(2));
    expect(costOf(talk.state())).toBe(10 + 10 + 100);
    talk.say(result(1, { of: 'stat', ok: true, value: info('a') }));
    expect(costOf(talk.state())).toBe(0);
    talk.say(request({ cmd: 'list' }), bodyEnd, { type: 'unreachable' }, page(3));
    expect(costOf(talk.state())).toBe(0);
  });

  test('list cuts a page that would not fit into a header, and says where it cut', () => {
    const talk = conversation();
    talk.say(request({ cmd: 'list' }), bodyEnd);
    const files = Array.from({ length: 1000 }, (_, i) => info(`${i}/${'名'.repeat(60)}`));
    talk.say(result(1, { of: 'list', ok: true, value: { files } }));
    const [reply] = replies(talk.log) as unknown as [{ files: { name: string }[]; next: string }];
    expect(new TextEncoder().encode(JSON.stringify(reply)).length).toBeLessThan(65_536);
    expect(reply.files.length).toBeGreaterThan(100);
    expect(reply.next).toBe(reply.files.at(-1)?.name);
  });

  test('list asks the store for no more than fit, as long as names are no shorter than the one before them', () => {
    for (const bytes of [10, 30, 250]) {
      const talk = conversation();
      const nameOf = (i: number) => `${i}`.padStart(bytes, '0');
      talk.say(request({ cmd: 'list', after: nameOf(0) }), bodyEnd);
      const [{ limit }] = asked(talk.log) as unknown as [{ limit: number }];
      const files = Array.from({ length: 1000 }, (_, i) => ({
        ...info(nameOf(i + 1)),
        mtime: 1_700_000_000_000,
      }));
      talk.say(result(1, { of: 'list', ok: true, value: { files } }));
      const [reply] = replies(talk.log) as unknown as [{ files: unknown[] }];
      expect(limit).toBeGreaterThanOrEqual(reply.files.length);
      expect(limit).toBeLessThan(reply.files.length * 1.35);
    }
  });
});

describe('the end of a session', () => {
  test('the end of a session comes when the peer has ended its side and everything is answered', () => {
    const talk = conversation();
    talk.say(put('a', 0), bodyEnd);
    expect(talk.say({ type: 'ended' })).toEqual([]);
    expect(talk.say(stored(1, 'a', 0)).at(-1)).toEqual({ type: 'end' });
  });

  test('the end of a session comes at once when nothing is open', () => {
    expect(conversation().say({ type: 'ended' })).toEqual([{ type: 'end' }]);
  });

  test('a fault is answered after all that was open before it, and ends the conversation', () => {
    const talk = conversation();
    const error = serviceFault('bad-header');
    talk.say(put('a', 0), bodyEnd, { type: 'fault', error });
    expect(replies(talk.log)).toEqual([]);
    const last = talk.say(stored(1, 'a', 0));
    expect(replies(last)).toMatchObject([{ ack: 'put' }, { error }]);
    expect(last.at(-1)).toEqual({ type: 'end' });
  });

  test('a body that breaks off is aborted, never committed', () => {
    const talk = conversation();
    talk.say(put('a', 5), data('he'), { type: 'fault', error: serviceFault('truncated') });
    expect(asked(talk.log).map(({ type }) => type)).toEqual(['openPut', 'write', 'abort']);
  });

  test('after the connection is gone, a body that was whole is still committed, and no answer is sent', () => {
    const talk = conversation();
    talk.say(put('a', 1), data('h'), bodyEnd, put('b', 5), data('he'));
    expect(asked(talk.say({ type: 'closed' }))).toEqual([{ type: 'abort', request: 2 }]);
    const late = talk.say(stored(1, 'a', 1));
    expect(replies(late)).toEqual([]);
    expect(late).toContainEqual(
      expect.objectContaining({
        effect: expect.objectContaining({ report: expect.objectContaining({ type: 'stored' }) }),
      }),
    );
  });

  test('while a session drains, the frame under way is finished and the next one is refused', () => {
    const talk = conversation();
    talk.say(put('a', 2), data('h'), { type: 'shutdown' }, data('i'), bodyEnd, put('b', 0), bodyEnd);
    const last = talk.say(stored(1, 'a', 2));
    expect(replies(last)).toMatchObject([
      { ack: 'put', filename: 'a' },
      { error: { code: 'shutting-down' } },
    ]);
    expect(last.at(-1)).toEqual({ type: 'end' });
  });

  test('draining ends a connection that is idle at once', () => {
    expect(conversation().say({ type: 'shutdown' })).toEqual([{ type: 'end' }]);
  });
});

describe('one request is refused once', () => {
  const truncated = serviceFault('truncated', undefined, { position: 71 });
  const late = serviceFault('timed-out');

  test.each([
    ['while its answer waits for its turn', [put('b', 0), bodyEnd]],
    ['when it is answered already', []],
  ])(
    'a request is refused once though its body, which is skipped, never comes to its end, %s',
    (_, before) => {
      const talk = conversation();
      talk.say(...before, put('a', 9));
      const number = talk.state().next - 1;
      talk.say(result(number, { of: 'openPut', ok: false, error: full }), data('x'));
      talk.say({ type: 'fault', error: truncated });
      if (before.length > 0) talk.say(stored(1, 'b', 0));
      expect(refusals(talk.log)).toEqual([{ request: number, cmd: 'put', filename: 'a', error: full }]);
      expect(replies(talk.log).slice(-2)).toEqual([{ error: full, cmd: 'put' }, { error: truncated }]);
      expect(talk.log.at(-1)).toEqual({ type: 'end' });
      expect(talk.state().next).toBe(number + 1);
    },
  );

  test('a request is refused once by a name that is not allowed, though its body is cut short', () => {
    const talk = conversation();
    talk.say(put('../a', 9), data('x'), { type: 'fault', error: truncated });
    expect(refusals(talk.log)).toMatchObject([{ request: 1, error: { code: 'bad-filename' } }]);
  });

  test('a request is refused once by the fault in the middle of its body, which is reported for it and for no other', () => {
    const talk = conversation();
    talk.say(put('a', 9, { id: 7 }), data('x'), { type: 'fault', error: truncated });
    expect(refusals(talk.log)).toEqual([{ request: 1, cmd: 'put', filename: 'a', id: 7, error: truncated }]);
    // A client takes what has no id as said of the connection.
    expect(replies(talk.log)).toEqual([{ error: truncated }]);
    expect(talk.state().next).toBe(2);
  });

  test('a request is refused once by the end of a server that drains, though its body is cut short', () => {
    const talk = conversation();
    talk.say(put('a', 0), bodyEnd, { type: 'shutdown' }, put('b', 9), data('x'), {
      type: 'fault',
      error: truncated,
    });
    talk.say(stored(1, 'a', 0));
    expect(refusals(talk.log)).toMatchObject([{ request: 2, error: { code: 'shutting-down' } }]);
    expect(replies(talk.log)).toMatchObject([{ ack: 'put' }, { error: { code: 'shutting-down' } }]);
  });

  test('a request is refused once by the first of two faults', () => {
    const talk = conversation();
    talk.say(
      put('a', 0),
      bodyEnd,
      { type: 'fault', error: serviceFault('bad-header') },
      { type: 'fault', error: late },
    );
    talk.say(stored(1, 'a', 0));
    expect(refusals(talk.log)).toMatchObject([{ request: 2, error: { code: 'bad-header' } }]);
    expect(replies(talk.log)).toMatchObject([{ ack: 'put' }, { error: { code: 'bad-header' } }]);
  });

  test('a request is refused once by a wrong token, whatever comes behind it', () => {
    const talk = conversation();
    talk.say(
      request({ cmd: 'get', filename: 'a' }),
      bodyEnd,
      request({ cmd: 'hello', token: 'no' }),
      bodyEnd,
    );
    talk.say(result(1, { of: 'open', ok: false, error: serviceFault('not-found') }));
    talk.say(result(2, { of: 'hello', ok: false, error: serviceFault('bad-token') }), {
      type: 'fault',
      error: late,
    });
    expect(refusals(talk.log).map(({ error }) => error.code)).toEqual(['not-found', 'bad-token']);
  });
});

describe('a command of your own', () => {
  const size = defineCommand({
    pattern: { cmd: 'size', filename: P.string },
    touches: { filename: 'read' },
    start: ({ filename }) => ({ state: null, effects: [{ type: 'stat', name: filename }] }),
    on: (state: null, event) => {
      if (event.type !== 'result') return { state };
      if (!event.result.ok) return refuse(state, event.result.error);
      return event.result.of === 'stat' ? acknowledge(state, { bytes: event.result.value.size }) : { state };
    },
  });

  test('a command of your own is a pattern and a reducer', () => {
    const talk = conversation(createSession([...commands, size], { openRequests: 8 }));
    talk.say(request({ cmd: 'size', filename: 'a' }), bodyEnd);
    talk.say(result(1, { of: 'stat', ok: true, value: info('a', 5) }));
    expect(replies(talk.log)).toEqual([{ ack: 'size', bytes: 5 }]);
  });

  test('a command of your own has its names checked like any other', () => {
    const talk = conversation(createSession([size], { openRequests: 8 }));
    talk.say(request({ cmd: 'size', filename: '../a' }), bodyEnd);
    expect(replies(talk.log)).toMatchObject([{ error: { code: 'bad-filename' } }]);
  });

  test.each(['start', 'data', 'end'] as const)(
    'a command of your own that throws at its %s is refused, and what is behind it is served',
    (at) => {
      const throws = (event: string) => {
        if (event === at) throw new Error('oops');
      };
      const faulty = defineCommand({
        pattern: { cmd: 'faulty' },
        touches: {},
        bodyLength: () => 3,
        start: () => {
          throws('start');
          return { state: 0, effects: [{ type: 'openPut', name: 'x', size: 3 }] };
        },
        on: (state: number, event) => {
          throws(event.type);
          return event.type === 'end' ? acknowledge(state) : { state };
        },
      });
      const talk = conversation(createSession([faulty, ...commands], { openRequests: 8 }));
      talk.say(request({ cmd: 'faulty' }, 3), data('abc'), bodyEnd, request({ cmd: 'ping' }), bodyEnd);
      expect(replies(talk.log)).toMatchObject([
        { error: { code: 'internal' }, cmd: 'faulty' },
        { ack: 'ping' },
      ]);
      expect(talk.log).toContainEqual({ type: 'internal-error', thrown: new Error('oops') });
      expect(asked(talk.log).at(-1)).toEqual({ type: 'abort', request: 1 });
      expect(costOf(talk.state())).toBe(0);
    },
  );

  test('a command of your own whose pattern throws is refused', () => {
    const guard = (): boolean => {
      throw new Error('oops');
    };
    const faulty = defineCommand({
      pattern: { cmd: 'faulty', it: P.when(guard) },
      touches: {},
      start: () => acknowledge(null),
      on: (state: null) => ({ state }),
    });
    const talk = conversation(createSession([faulty], { openRequests: 8 }));
    talk.say(request({ cmd: 'faulty', it: 1 }), bodyEnd);
    expect(replies(talk.log)).toMatchObject([{ error: { code: 'internal' } }]);
  });

  test('a command of your own that answers with bytes pays for their memory until its turn to be answered', () => {
    const bytes = Uint8Array.of(7, 8, 9);
    const answering = defineCommand({
      pattern: { cmd: 'bytes' },
      touches: {},
      start: () => acknowledge(null, { it: 1 }, bytes),
      on: (state: null) => ({ state }),
    });
    const talk = conversation(createSession([size, answering], { openRequests: 8 }));
    talk.say(request({ cmd: 'size', filename: 'a' }), bodyEnd);
    const before = costOf(talk.state());
    const asked = request({ cmd: 'bytes', id: 5 });
    talk.say(asked, bodyEnd);
    expect(costOf(talk.state())).toBe(before + (asked as { readonly cost: number }).cost + bytes.length);
    talk.say(result(1, { of: 'stat', ok: true, value: info('a', 5) }));
    expect(talk.log.filter(({ type }) => type === 'reply').at(-1)).toEqual({
      type: 'reply',
      reply: { ack: 'bytes', it: 1, body: 3, id: 5 },
      body: bytes,
      eager: true,
    });
    expect(costOf(talk.state())).toBe(0);
  });

  test('bytes that a command answers with may be those of its body, whose memory is used again', () => {
    const lent = Uint8Array.of(1, 2, 3);
    const { replies: answered = [] } = acknowledge(null, {}, lent);
    lent.fill(9);
    expect(answered).toEqual([{ type: 'ack', fields: {}, body: Uint8Array.of(1, 2, 3) }]);
  });

  test('a command of your own that does nothing with its body has it skipped', () => {
    const deaf = defineCommand({
      pattern: { cmd: 'deaf' },
      touches: {},
      bodyLength: () => 3,
      start: () => ({ state: 0 }),
      on: (state: number, event) => (event.type === 'end' ? acknowledge(state) : { state }),
    });
    const talk = conversation(createSession([deaf], { openRequests: 8 }));
    talk.say(request({ cmd: 'deaf' }, 3), data('abc'), bodyEnd);
    expect(costOf(talk.state())).toBe(0);
    expect(replies(talk.log)).toEqual([{ ack: 'deaf' }]);
  });
});
