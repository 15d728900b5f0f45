import { fc, test as property } from '@fast-check/vitest';
import { isMatching } from 'ts-pattern';
import { describe, expect, test } from 'vitest';
import { catalogue, isFatal, serviceFault } from '../../../src/files/protocol/errors.ts';
import { frameError } from '../../../src/files/protocol/frame-error.ts';
import { idOf, requestFault, requestPatterns } from '../../../src/files/protocol/request.ts';
import { commands, requestFraming } from '../../../src/files/session/dispatch.ts';
import { finish, initialDeframeState, step } from '../../../src/wire/deframe/deframe-step.ts';
import { encodeJsonHeader, type JsonHeader } from '../../../src/wire/json-header.ts';
import { frame } from '../../support/network/peer.ts';

describe('what is wrong with a request is said by field', () => {
  test.each([
    ['put', {}, 'filename', 'is missing'],
    ['put', { filename: 7 }, 'filename', 'must be a string'],
    ['put', { filename: 'a' }, 'filesize', 'is missing'],
    ['put', { filename: 'a', filesize: '5' }, 'filesize', 'whole number of bytes'],
    ['put', { filename: 'a', filesize: 1, ifAbsent: 1 }, 'ifAbsent', 'true or false'],
    ['put', { filename: 'a', filesize: 1, id: {} }, 'id', 'string of at most 256'],
    ['put', { filename: 'a', filesize: 1, id: 'x'.repeat(257) }, 'id', 'string of at most 256'],
    ['get', { filename: 'a', offset: -1 }, 'offset', 'whole number of bytes'],
    ['list', { limit: 0 }, 'limit', 'from 1'],
    ['rename', { filename: 'a' }, 'to', 'is missing'],
  ] as const)('a %s with the fields %j is refused for its %s: %s', (cmd, fields, field, why) => {
    const wrong = requestFault(requestPatterns[cmd], { cmd, ...fields });
    expect(wrong?.field).toBe(field);
    expect(wrong?.why).toContain(why);
  });

  property.prop([fc.constantFrom(...Object.keys(requestPatterns)), fc.object()])(
    'a request has a fault exactly when the pattern does not match',
    (cmd, fields) => {
      const pattern = requestPatterns[cmd as keyof typeof requestPatterns];
      const header = { ...fields, cmd };
      expect(requestFault(pattern, header) === null).toBe(isMatching(pattern, header));
    },
  );

  test('fields inherited from the prototype count for nothing', () => {
    const header = JSON.parse('{"cmd":"stat","__proto__":{"filename":"a"}}') as JsonHeader;
    expect(requestFault(requestPatterns.stat, header)?.field).toBe('filename');
  });
});

describe('an id', () => {
  test.each([[1], ['x'], [0], [-1.5], ['']])('the id %j is echoed', (id) => expect(idOf({ id })).toBe(id));
  test.each([[null], [{}], [true], [Number.POSITIVE_INFINITY], ['x'.repeat(257)]])(
    'the id %j is not echoed',
    (id) => expect(idOf({ id })).toBeNull(),
  );
});

describe('a body is as long as its command says', () => {
  const framing = requestFraming(commands);
  const opened = (header: JsonHeader) => {
    const { events } = step(framing, initialDeframeState(), frame(header));
    const [first] = events;
    return first?.type === 'start' ? first.length : first?.type === 'fault' ? first.fault.code : first;
  };

  test.each<[JsonHeader, number | string]>([
    [{ cmd: 'put', filesize: 5 }, 5],
    [{ cmd: 'put', filesize: 5, offset: 2 }, 3],
    [{ cmd: 'put', filesize: 5, offset: 5 }, 0],
    [{ cmd: 'put', filesize: Number.MAX_SAFE_INTEGER }, Number.MAX_SAFE_INTEGER],
    [{ cmd: 'put' }, 'body-length-invalid'],
    [{ cmd: 'put', filesize: -1 }, 'body-length-invalid'],
    [{ cmd: 'put', filesize: 1.5 }, 'body-length-invalid'],
    [{ cmd: 'put', filesize: '5' }, 'body-length-invalid'],
    [{ cmd: 'put', filesize: null }, 'body-length-invalid'],
    [{ cmd: 'put', filesize: 2 ** 53 }, 'body-length-invalid'],
    [{ cmd: 'put', filesize: 5, offset: 6 }, 'body-length-invalid'],
    [{ cmd: 'put', filesize: 5, offset: -1 }, 'body-length-invalid'],
    [{ cmd: 'ping', filesize: 5 }, 0],
    [{ cmd: 'list', filesize: -5 }, 0],
    [{ cmd: 'fly', filesize: 5 }, 5],
    [{ cmd: 'fly' }, 0],
    [{ cmd: 'fly', filesize: -5 }, 'body-length-invalid'],
    [{ filesize: 5 }, 5],
    [{ cmd: 'constructor', filesize: 5 }, 5],
    [{}, 0],
  ])('the body of the request %j: %s', (header, expected) => expect(opened(header)).toBe(expected));
});

describe('the catalogue', () => {
  test('the catalogue has a message for every error, and appends what is said besides', () => {
    for (const { message } of Object.values(catalogue)) expect(message).toMatch(/^[a-z].*[^.]$/);
    expect(serviceFault('not-found').message).toBe('there is no such file');
    expect(serviceFault('bad-offset', 'it is 3', { offset: 3 })).toEqual({
      code: 'bad-offset',
      message: 'the offset is not where the content ends so far: it is 3',
      offset: 3,
    });
  });

  test('the catalogue calls fatal exactly what ends the connection', () => {
    const fatal = Object.keys(catalogue).filter((code) => isFatal(code as keyof typeof catalogue));
    expect(fatal).toEqual([
      ...['bad-header-length', 'bad-header', 'bad-body-length', 'truncated'],
      ...['bad-token', 'too-many-connections', 'timed-out'],
    ]);
  });

  test.each([
    [[0, 0, 0, 0], 'bad-header-length'],
    [[255, 255, 255, 255], 'bad-header-length'],
    [[1, 0, 1, 0], 'bad-header-length'],
    [[2, 0, 0, 0, 91, 93], 'bad-header'],
    [[2, 0, 0, 0, 255, 255], 'bad-header'],
    [[2, 0, 0, 0, 123], 'truncated'],
  ])('the catalogue says of the bytes %j: %s, in JSON', (bytes, code) => {
    const framing = requestFraming();
    const stepped = step(framing, initialDeframeState<JsonHeader>(), Uint8Array.from(bytes));
    const events = [...stepped.events, ...finish(framing, stepped.state).events];
    const [first] = events;
    expect(first?.type).toBe('fault');
    if (first?.type !== 'fault') return;
    const error = frameError(first.fault);
    expect(error).toMatchObject({ code, position: 0 });
    expect(encodeJsonHeader({ error }).ok).toBe(true);
  });
});
