/** What the log of a server says, and what it never does. */
import { openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fc, test as property } from '@fast-check/vitest';
import { filter, firstValueFrom, ReplaySubject } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { logLine, withoutContent } from '../../../src/cli/serve/log-line.ts';
import { createServerLog, type ServerLogOptions } from '../../../src/cli/serve/server-log.ts';
import { type ServiceFault, serviceFault } from '../../../src/files/protocol/errors.ts';
import { frameError } from '../../../src/files/protocol/frame-error.ts';
import { requestFraming } from '../../../src/files/session/dispatch.ts';
import type { ServerEvent } from '../../../src/server/event.ts';
import { serve } from '../../../src/server/serve.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { listenTcp } from '../../../src/transport/socket/tcp.ts';
import { finish, initialDeframeState, step } from '../../../src/wire/deframe/deframe-step.ts';
import type { JsonHeader } from '../../../src/wire/json-header.ts';
import { frame } from '../../support/network/peer.ts';
import { jsonLines } from '../../support/processes/cli.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

const where = { connection: '7', remote: '127.0.0.1:5' };
const asked = { request: 3, id: 'x', ms: 12 };
const opened = { type: 'opened', ...where } as const;
const closed = { type: 'closed', fault: null, ms: 5, ...where } as const;
const stored = {
  type: 'stored',
  filename: 'a',
  size: 5,
  crc32: 9,
  durable: true,
  ...asked,
  ...where,
} as const;
const served = { type: 'served', cmd: 'get', filename: 'a', ...asked, ...where } as const;
const refused = {
  type: 'refused',
  cmd: 'get',
  filename: 'b',
  error: serviceFault('not-found'),
  ...asked,
  ...where,
} as const;

/** All that is written of these events. */
async function written(options: ServerLogOptions, ...events: readonly ServerEvent[]): Promise<string> {
  const path = join(tempFolder(), 'log');
  const fd = openSync(path, 'w');
  const log = createServerLog({ terminal: false, ...options, fd });
  for (const event of events) log.event(event);
  await log.close();
  // Closed with the log, as any file it was given.
  return readFileSync(path, 'utf8');
}

test.each([
  ['a stored file', stored],
  ['any other event', refused],
])(
  'the line of %s is written when the server falls idle, without another line behind it',
  async (_, event) => {
    const path = join(tempFolder(), 'log');
    const log = createServerLog({ terminal: false, fd: openSync(path, 'w') });
    log.event(event);
    await expect.poll(() => readFileSync(path, 'utf8'), { timeout: 5000 }).toContain('"request":3');
    await log.close();
  },
);

describe('a line', () => {
  test.each([stored, served, refused])(
    'a line of a request ($type) says which one, and how long it took',
    async (event) => {
      const [line] = jsonLines(await written({ level: 'debug' }, event));
      expect(line).toMatchObject({ ...where, ...asked, msg: event.type });
    },
  );

  test('a line of an internal error says of which connection, where there is one', async () => {
    const thrown = new Error('oops');
    const [ofConnection, ofServer] = jsonLines(
      await written({}, { type: 'internal-error', thrown, ...where }, { type: 'internal-error', thrown }),
    );
    expect(ofConnection).toMatchObject({ level: 'error', ...where, err: { message: 'oops' } });
    expect(ofServer).toMatchObject({
      level: 'error',
      err: { message: 'oops' },
      msg: 'a bug: shutdown$ failed, and the server shuts down',
    });
    expect(ofServer).not.toHaveProperty('connection');
  });

  test('a line leaves the id out when the peer gave none', async () => {
    const { id: _, ...anonymous } = stored;
    expect(await written({}, anonymous)).not.toContain('"id"');
  });

  test.each(['debug', 'info'] as const)(
    'a line of a stored file is what any other would be, at level %s',
    async (level) => {
      const { fields, message } = logLine(stored)!;
      const [line] = jsonLines(await written({ level }, stored));
      expect(line).toEqual({
        level: 'info',
        time: expect.stringMatching(/^20.*Z$/),
        ...fields,
        msg: message,
      });
    },
  );

  test('a line cannot command a terminal', async () => {
    const event = { ...refused, cmd: 'a\u009b31m\u001b[2J\u007f' };
    const text = await written({ terminal: true }, event);
    expect(text).toContain('\\u009b31m\\u001b[2J');
    expect(text).not.toMatch(/[\u007f-\u009f]/);
  });
});

describe('the level', () => {
  test.each([
    ['debug', ['opened', 'stored', 'served', 'refused', 'closed']],
    ['info', ['stored', 'refused']],
    ['warn', ['refused']],
    ['error', []],
    ['silent', []],
  ] as const)('a log of level %s writes %j', async (level, messages) => {
    const text = await written({ level }, opened, stored, served, refused, closed);
    expect(jsonLines(text).map(({ msg }) => msg)).toEqual(messages);
  });
});

describe('what the peer sent', () => {
  const secret = 's3cr3t-T0ken';
  const hello = (token: string) => JSON.stringify({ cmd: 'hello', token });
  const prefixed = (text: string, length = Buffer.byteLength(text)) => {
    const prefix = Buffer.alloc(4);
    prefix.writeInt32LE(length);
    return Buffer.concat([prefix, Buffer.from(text)]);
  };
  const broken: readonly (readonly [what: string, code: string, bytes: Uint8Array])[] = [
    ['JSON that breaks off', 'bad-header', prefixed(hello(secret).slice(0, -1))],
    ['JSON with a token unquoted', 'bad-header', prefixed(`{"cmd":"hello","token":${secret}}`)],
    ['the token by itself', 'bad-header', prefixed(secret)],
    ['the token by itself, no frame at all', 'bad-header-length', Buffer.from(secret)],
    ['a frame cut short', 'truncated', prefixed(hello(secret)).subarray(0, -4)],
    ['a length that is too short', 'bad-header', prefixed(`{"token":"${secret}"}`, 20)],
    ['a body of no length', 'bad-body-length', frame({ cmd: 'put', filesize: 'x', token: secret })],
  ];

  test.each(broken)(
    'what the peer sent is not in the log, though it is in the answer: %s',
    async (_, code, bytes) => {
      const store = memoryStore();
      const events$ = new ReplaySubject<ServerEvent>();
      const running = serve({ connections$: listenTcp({ port: 0 }), store }).subscribe(events$);
      const listening = await firstValueFrom(events$.pipe(filter((event) => event.type === 'listening')));
      const socket = connect({ port: listening.port, host: '127.0.0.1', allowHalfOpen: true });
      let answer = '';
      socket.setEncoding('latin1').on('data', (text) => {
        answer += text;
      });
      socket.end(bytes);
      const event = await firstValueFrom(events$.pipe(filter((each) => each.type === 'refused')));
      await firstValueFrom(events$.pipe(filter((each) => each.type === 'closed')));
      running.unsubscribe();

      const text = await written({ level: 'debug' }, event);
      // Any four characters of it in a row, as they are or in hexadecimal.
      for (let i = 0; i + 4 <= secret.length; i++) {
        const piece = secret.slice(i, i + 4);
        expect(text).not.toContain(piece);
        expect(text).not.toContain(
          Buffer.from(piece)
            .toString('hex')
            .replace(/..(?=.)/g, '$& '),
        );
      }
      const [line] = jsonLines(text);
      expect(line).toMatchObject({ msg: 'refused', error: { code, position: 0 } });
      expect(answer).toContain(code);
      expect(answer).toContain('hex');
    },
  );

  /** The error of the first frame that is none. */
  const errorOf = (bytes: Uint8Array): ServiceFault | undefined => {
    const framing = requestFraming();
    const stepped = step(framing, initialDeframeState<JsonHeader>(), bytes);
    const all = [...stepped.events, ...finish(framing, stepped.state).events];
    const fault = all.find((event) => event.type === 'fault');
    return fault?.type === 'fault' ? frameError(fault.fault) : undefined;
  };

  property.prop([fc.stringMatching(/^[a-z]{8,40}$/), fc.string(), fc.string(), fc.nat(80)])(
    'what the peer sent is never in the log, whatever is broken around it',
    (token, before, after, length) => {
      const error = errorOf(prefixed(`${before}${token}${after}`, length));
      fc.pre(error !== undefined);
      const text = JSON.stringify(withoutContent(error!));
      // Eight letters in a row are no chance, and no word of ours: those are left out.
      const ours = JSON.stringify(Object.values(serviceFault(error!.code)));
      for (let i = 0; i + 8 <= token.length; i++) {
        const piece = token.slice(i, i + 8);
        if (!ours.includes(piece)) expect(text).not.toContain(piece);
      }
    },
  );

  test('the log leaves of a hint what it is the hint of', () => {
    const error = errorOf(Buffer.from('GET /?token=s3cr3t HTTP/1.1\r\n'))!;
    expect(error.message).toContain('an HTTP request');
    expect(withoutContent(error)).toEqual({
      code: 'bad-header-length',
      message: 'the header length is not within bounds (the bytes look like an HTTP request)',
      position: 0,
      declared: 542393671,
      limit: 65536,
    });
  });

  test('what the peer sent is left in errors that quote nothing but a name', () => {
    const error = serviceFault('bad-filename', 'it is empty', { field: 'filename' });
    expect(withoutContent(error)).toBe(error);
  });
});
