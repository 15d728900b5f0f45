/** Who may do what, as one session sees it. */
import { describe, expect, test } from 'vitest';
import { anonymous, type Principal, type Right } from '../../../src/files/protocol/access.ts';
import { serviceFault } from '../../../src/files/protocol/errors.ts';
import { defineCommand } from '../../../src/files/session/command.ts';
import { commands } from '../../../src/files/session/dispatch.ts';
import { createSession } from '../../../src/files/session/session.ts';
import {
  asked,
  bodyEnd,
  conversation,
  data,
  replies,
  request,
  result,
} from '../../support/sessions/session-events.ts';

const alice: Principal = { name: 'alice', rights: ['read', 'write'], prefix: 'alice/' };
const hello = request({ cmd: 'hello', token: 't' });
const greeted = (number: number, principal: Principal | null) =>
  result(number, { of: 'hello', ok: true, value: { principal, about: { version: '1' } } });
const access = (principal: Principal | null) => ({ type: 'access', principal }) as const;

const requests = {
  put: { cmd: 'put', filename: 'alice/a', filesize: 0 },
  resume: { cmd: 'resume', upload: 'u' },
  cancel: { cmd: 'cancel', upload: 'u' },
  get: { cmd: 'get', filename: 'alice/a' },
  list: { cmd: 'list' },
  stat: { cmd: 'stat', filename: 'alice/a' },
  delete: { cmd: 'delete', filename: 'alice/a' },
  rename: { cmd: 'rename', filename: 'alice/a', to: 'alice/b' },
} as const;

/** The code a request is refused with at once; null when it is let in. */
function refusal(principal: Principal | null, header: Readonly<Record<string, unknown>>): string | null {
  const talk = conversation();
  talk.say(access(principal), request(header), bodyEnd);
  const [reply] = replies(talk.log);
  return reply !== undefined && 'error' in reply ? (reply.error as { code: string }).code : null;
}

describe('a peer that has not said who it is', () => {
  test.each(Object.values(requests))('a peer that has not said who it is may not send %o', (header) => {
    expect(refusal(null, header)).toBe('not-authenticated');
  });

  test('a peer that has not said who it is may say hello, and ping', () => {
    expect(refusal(null, { cmd: 'ping' })).toBeNull();
    expect(refusal(null, { cmd: 'hello' })).toBeNull();
  });

  test('a peer that has not said who it is may not use a command of your own either', () => {
    const mine = defineCommand({
      pattern: { cmd: 'mine' },
      touches: {},
      start: () => ({ state: null }),
      on: (state: null) => ({ state }),
    });
    const talk = conversation(createSession([mine], { openRequests: 1 }));
    talk.say(access(null), request({ cmd: 'mine' }), bodyEnd);
    expect(replies(talk.log)).toMatchObject([{ error: { code: 'not-authenticated' } }]);
  });

  test('a peer that has not said who it is has its bodies skipped, and is served once it has said it', () => {
    const talk = conversation();
    talk.say(
      access(null),
      request({ cmd: 'put', filename: 'alice/a', filesize: 3 }, 3),
      data('abc'),
      bodyEnd,
    );
    talk.say(hello, bodyEnd, greeted(2, alice));
    talk.say(request({ cmd: 'stat', filename: 'alice/a' }), bodyEnd);
    expect(replies(talk.log)).toMatchObject([
      { error: { code: 'not-authenticated' } },
      { ack: 'hello', version: '1', name: 'alice', rights: ['read', 'write'], prefix: 'alice/' },
    ]);
    expect(asked(talk.log).map(({ type }) => type)).toEqual(['hello', 'stat']);
  });
});

describe('rights', () => {
  const needs: Readonly<Record<keyof typeof requests, readonly Right[]>> = {
    put: ['write'],
    resume: ['write'],
    cancel: ['write'],
    get: ['read'],
    list: ['read'],
    stat: ['read'],
    delete: ['delete'],
    rename: ['write', 'delete'],
  };

  test.each(Object.entries(needs))('the command %s needs the rights %o', (cmd, rights) => {
    const header = requests[cmd as keyof typeof requests];
    const having = (some: readonly Right[]) => refusal({ ...anonymous, rights: some }, header);
    expect(having(rights)).toBeNull();
    for (const missing of rights) {
      const others = (['read', 'write', 'delete'] as const).filter((right) => right !== missing);
      expect(having(others)).toBe('forbidden');
    }
  });
});

describe('a prefix', () => {
  test.each(['alice/a', 'alice/b/c'])('a prefix lets %s through', (filename) => {
    expect(refusal(alice, { cmd: 'stat', filename })).toBeNull();
  });

  test.each(['bob/a', 'alice', 'alicex/a', 'Alice/a'])('a prefix keeps %s out', (filename) => {
    expect(refusal(alice, { cmd: 'stat', filename })).toBe('forbidden');
  });

  test('a prefix holds for both names of a rename', () => {
    const mover = { ...alice, rights: anonymous.rights };
    expect(refusal(mover, { cmd: 'rename', filename: 'alice/a', to: 'bob/a' })).toBe('forbidden');
    expect(refusal(mover, { cmd: 'rename', filename: 'bob/a', to: 'alice/a' })).toBe('forbidden');
  });

  test.each([
    [undefined, 'alice/'],
    ['al', 'alice/'],
    ['alice/', 'alice/'],
    ['alice/photos/', 'alice/photos/'],
  ])('a prefix turns a list of %s into one of %s', (prefix, seen) => {
    const talk = conversation();
    talk.say(access(alice), request({ cmd: 'list', ...(prefix === undefined ? {} : { prefix }) }), bodyEnd);
    expect(asked(talk.log)).toMatchObject([{ type: 'list', prefix: seen }]);
  });

  test('a prefix refuses a list of anything else', () => {
    expect(refusal(alice, { cmd: 'list', prefix: 'bob/' })).toBe('forbidden');
  });

  test('a prefix keeps uploads apart by name: no peer can ask for the upload of another', () => {
    const talk = conversation();
    talk.say(access(alice), request({ cmd: 'resume', upload: 'u' }), bodyEnd);
    expect(asked(talk.log)).toMatchObject([{ type: 'resume', upload: 'alice.u' }]);
  });
});

describe('hello', () => {
  test('hello is exclusive: the requests behind it wait until the principal is known', () => {
    const talk = conversation();
    talk.say(access(null), hello, bodyEnd, request({ cmd: 'stat', filename: 'alice/a' }));
    expect(talk.accepts()).toBe(false);
    talk.say(greeted(1, alice));
    expect(asked(talk.log).map(({ type }) => type)).toEqual(['hello', 'stat']);
  });

  test('hello waits for what came before it', () => {
    const talk = conversation();
    talk.say(request({ cmd: 'stat', filename: 'a' }), bodyEnd, hello);
    expect(asked(talk.log).map(({ type }) => type)).toEqual(['stat']);
    talk.say(result(1, { of: 'stat', ok: false, error: serviceFault('not-found') }));
    expect(asked(talk.log).map(({ type }) => type)).toEqual(['stat', 'hello']);
  });

  test('hello with an unknown token ends the session', () => {
    const talk = conversation();
    talk.say(access(null), hello, bodyEnd, request({ cmd: 'ping' }));
    talk.say(result(1, { of: 'hello', ok: false, error: serviceFault('bad-token') }));
    expect(talk.state().phase).toBe('finished');
    expect(replies(talk.log)).toMatchObject([{ error: { code: 'bad-token' } }]);
  });

  test('hello never has the token in what is reported', () => {
    const talk = conversation();
    talk.say(access(null), request({ cmd: 'hello', token: 'very-secret' }), bodyEnd);
    talk.say(result(1, { of: 'hello', ok: false, error: serviceFault('bad-token') }));
    const reports = talk.log.filter((it) => it.type === 'command' && it.effect.type === 'report');
    expect(reports).toHaveLength(1);
    expect(JSON.stringify(reports)).not.toContain('very-secret');
  });
});

test('a token that was withdrawn is of no use for what comes next', () => {
  const talk = conversation();
  talk.say(access(alice), request({ cmd: 'stat', filename: 'alice/a' }), bodyEnd);
  talk.say(access(null), request({ cmd: 'stat', filename: 'alice/b' }), bodyEnd);
  expect(asked(talk.log)).toHaveLength(1);
  talk.say(result(1, { of: 'stat', ok: false, error: serviceFault('not-found') }));
  expect(replies(talk.log).at(-1)).toMatchObject({ error: { code: 'not-authenticated' } });
});

test('a file larger than the server takes is refused before its body', () => {
  const talk = conversation(createSession(commands, { openRequests: 8, fileBytes: 100 }));
  talk.say(request({ cmd: 'put', filename: 'a', filesize: 101 }, 101));
  expect(replies(talk.log)).toMatchObject([{ error: { code: 'too-large', field: 'filesize', limit: 100 } }]);
  talk.say(data('x'.repeat(101)), bodyEnd, request({ cmd: 'put', filename: 'a', filesize: 100 }, 100));
  expect(asked(talk.log)).toMatchObject([{ type: 'openPut' }]);
});
