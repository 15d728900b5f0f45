/** Interrupted uploads, as one session sees them. */
import { describe, expect, test } from 'vitest';
import { serviceFault } from '../../../src/files/protocol/errors.ts';
import {
  asked,
  bodyEnd,
  conversation,
  data,
  replies,
  request,
  result,
  stored,
} from '../../support/sessions/session-events.ts';

const put = (filesize: number, more = {}) =>
  request({ cmd: 'put', filename: 'a', filesize, upload: 'u', ...more }, filesize);
const synced = (number: number, offset: number) =>
  result(number, { of: 'sync', ok: true, value: { offset, crc32: 1 } });

describe('put with an upload', () => {
  test('put with an upload is begun with all the store has to know', () => {
    const talk = conversation();
    const effects = talk.say(
      put(9, { offset: 4, crc32: 7, sha256: 'ab'.repeat(32), ifAbsent: true, mtime: 3 }),
    );
    expect(asked(effects)).toEqual([
      {
        type: 'openPut',
        request: 1,
        name: 'a',
        size: 9,
        upload: 'u',
        offset: 4,
        crc32: 7,
        sha256: 'ab'.repeat(32),
        ifAbsent: true,
        mtime: 3,
      },
    ]);
  });

  test('put with an upload says its upload in the ack', () => {
    const talk = conversation();
    talk.say(put(1), data('x'), bodyEnd);
    expect(replies(talk.say(stored(1, 'a', 1)))).toMatchObject([{ ack: 'put', upload: 'u' }]);
  });

  test('put with an upload begins where it was said to, or at 0: without an upload nothing is kept to go on from', () => {
    const talk = conversation();
    talk.say(request({ cmd: 'put', filename: 'a', filesize: 9, offset: 4 }, 5));
    expect(replies(talk.log)).toMatchObject([{ error: { code: 'bad-offset', offset: 0 } }]);
    expect(asked(talk.log)).toEqual([]);
  });
});

describe('progress', () => {
  test('progress is sent after each so many bytes, once they are durable, and the put goes on', () => {
    const talk = conversation();
    const types = () => asked(talk.log).map(({ type }) => type);
    talk.say(put(10, { progress: 4 }), data('abc'));
    expect(types()).toEqual(['openPut', 'write']);
    talk.say(data('de'));
    expect(types()).toEqual(['openPut', 'write', 'write', 'sync']);
    expect(replies(talk.say(synced(1, 5)))).toEqual([{ ack: 'progress', upload: 'u', offset: 5 }]);
    talk.say(data('fgh'));
    expect(types().filter((type) => type === 'sync')).toHaveLength(1);
    talk.say(data('ij'), bodyEnd);
    expect(types().slice(-3)).toEqual(['write', 'sync', 'commit']);
    expect(replies(talk.say(stored(1, 'a', 10)))).toMatchObject([{ ack: 'put', size: 10 }]);
  });

  test('progress counts what came in earlier tries', () => {
    const talk = conversation();
    talk.say(put(10, { progress: 4, offset: 5 }), data('abc'));
    expect(asked(talk.log).at(-1)).toMatchObject({ type: 'write' });
    talk.say(data('d'));
    expect(asked(talk.log).at(-1)).toMatchObject({ type: 'sync' });
  });

  test('progress waits its turn among the replies, and then only the latest is sent', () => {
    const talk = conversation();
    talk.say(request({ cmd: 'stat', filename: 'slow' }), bodyEnd);
    talk.say(put(10, { progress: 1 }), data('abc'), synced(2, 3), data('def'), synced(2, 6));
    expect(replies(talk.log)).toEqual([]);
    talk.say(result(1, { of: 'stat', ok: false, error: serviceFault('not-found') }));
    expect(replies(talk.log).slice(1)).toEqual([{ ack: 'progress', upload: 'u', offset: 6 }]);
  });

  test('progress leaves at once, since a peer that asks for it reads it', () => {
    const talk = conversation();
    talk.say(put(10, { progress: 1 }), data('abc'), synced(1, 3));
    expect(talk.log.findLast(({ type }) => type === 'reply')).toMatchObject({ eager: true });
  });

  test('progress that fails refuses the put', () => {
    const talk = conversation();
    talk.say(put(10, { progress: 1 }), data('abc'));
    talk.say(result(1, { of: 'sync', ok: false, error: serviceFault('io-error') }));
    expect(replies(talk.log)).toMatchObject([{ error: { code: 'io-error' }, cmd: 'put' }]);
  });
});

describe('resume and cancel', () => {
  test('resume and cancel answer what there is', () => {
    const talk = conversation();
    expect(asked(talk.say(request({ cmd: 'resume', upload: 'u', id: 1 }), bodyEnd))).toEqual([
      { type: 'resume', upload: 'u', request: 1 },
    ]);
    talk.say(result(1, { of: 'resume', ok: true, value: { offset: 5, crc32: 9 } }));
    expect(replies(talk.log)).toEqual([{ ack: 'resume', upload: 'u', offset: 5, crc32: 9, id: 1 }]);
    talk.say(request({ cmd: 'cancel', upload: 'u' }), bodyEnd);
    talk.say(result(2, { of: 'cancel', ok: false, error: serviceFault('not-found') }));
    expect(replies(talk.log).at(-1)).toMatchObject({ error: { code: 'not-found' }, cmd: 'cancel' });
  });

  test('resume and cancel wait for the put of the same upload that was sent before, so that its end is seen', () => {
    const talk = conversation();
    talk.say(put(1), data('x'), bodyEnd, request({ cmd: 'resume', upload: 'u' }));
    expect(talk.accepts()).toBe(false);
    talk.say(stored(1, 'a', 1));
    expect(talk.accepts()).toBe(true);
    expect(asked(talk.log).at(-1)).toMatchObject({ type: 'resume' });
  });

  test('resume and cancel of another upload wait for nothing', () => {
    const talk = conversation();
    talk.say(put(1), data('x'), bodyEnd, request({ cmd: 'resume', upload: 'v' }));
    expect(asked(talk.log).at(-1)).toMatchObject({ type: 'resume', upload: 'v' });
  });
});
