/** No token is ever in a recording, however it is spelled, cut or misplaced; and all else is. */
import { readFileSync } from 'node:fs';
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { requestBodyLength } from '../../../src/files/protocol/body-length.ts';
import { requestFraming } from '../../../src/files/session/dispatch.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { type JsonHeader, jsonHeader } from '../../../src/wire/json-header.ts';
import { commentsIn, recorded, streamsOf } from '../../support/captures/recorded.ts';
import { frame } from '../../support/network/peer.ts';
import { cases } from '../../support/random/cases.ts';
import { read, write } from '../../transport/connection-helpers.ts';

const TOKEN = 'sEcReT-0f-16-characters';
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A frame of JSON as it is spelled here. */
function spelled(json: string, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const head = Buffer.from(json);
  const prefix = Buffer.alloc(4);
  prefix.writeInt32LE(head.length);
  return Buffer.concat([prefix, head, body]);
}

/** Sends bytes to a recorded server, cut at these places, and answers with others at once. */
async function sent(bytes: Uint8Array, cuts: readonly number[] = [], answer: Uint8Array | null = null) {
  const places = [0, ...[...cuts].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const talk = async (client: Connection, server: Connection) => {
    const [atClient, atServer] = [read(client), read(server)];
    for (let at = 1; at < places.length; at++) {
      await write(client, bytes.subarray(places[at - 1]!, places[at]!));
      // So that what follows is not glued to it.
      await atServer.reached(places[at]!);
    }
    client.end();
    await atServer.done;
    if (answer !== null) await write(server, answer);
    server.end();
    await atClient.done;
  };
  const { path } = await recorded(talk);
  return { path, file: readFileSync(path), comments: commentsIn(path), ...(await streamsOf(path)) };
}

/** Whether four bytes of the token in a row are in it: as they are, or as somebody quotes them in hex. */
function leaks(file: Uint8Array, token = TOKEN): boolean {
  const bytes = Buffer.from(file);
  for (let at = 0; at + 4 <= token.length; at++) {
    const run = Buffer.from(token.slice(at, at + 4));
    const hex = run.toString('hex').replace(/..(?=.)/g, '$& ');
    if (bytes.includes(run) || bytes.includes(hex)) return true;
  }
  return false;
}

/** For `JSON.stringify`. */
const withoutTokens = (key: string, value: unknown): unknown =>
  key.toLowerCase() === 'token' ? undefined : value;

describe('a token', () => {
  test('a token is recorded as so many stars, and everything around it is as it was', async () => {
    const hello = frame({ cmd: 'hello', id: 1, token: TOKEN });
    const put = spelled('{"cmd":"put","filename":"a","filesize":5}', text('12345'));
    const { client } = await sent(Buffer.concat([hello, put]));
    const stars = Buffer.from(hello).toString('latin1').replace(TOKEN, '*'.repeat(TOKEN.length));
    expect(client.toString('latin1')).toBe(stars + Buffer.from(put).toString('latin1'));
  });

  const escaped = [...TOKEN].map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
  test.each([
    ['with a key in escapes', `{"cmd":"hello","\\u0074o\\u006Ben":"${TOKEN}"}`],
    ['with blanks', `{ "cmd" : "hello" ,\n\t"token" \r\n: "${TOKEN}" }`],
    ['given twice', `{"token":"${TOKEN}","cmd":"hello","token":"${TOKEN}"}`],
    ['behind a string that looks like one', `{"x":"\\",\\"token\\":\\"","token":"${TOKEN}","cmd":"hello"}`],
    ['with quotes inside', `{"token":"\\"${TOKEN}\\\\","cmd":"hello"}`],
    ['in a request that takes none', `{"cmd":"stat","filename":"a","token":"${TOKEN}"}`],
    ['in an object', `{"cmd":"hello","token":{"value":["x","${TOKEN}"],"${TOKEN}":1}}`],
    ['in a list', `{"token":["${TOKEN}",{"a":"${TOKEN}"}],"cmd":"hello"}`],
    ['in other letters', `{"cmd":"hello","token":1,"TOKEN":"${TOKEN}"}`],
    ['deeper than it belongs', `{"cmd":"hello","auth":{"x":1,"token":"${TOKEN}"}}`],
    ['in a list of things', `{"cmd":"hello","a":[{"Token":"${TOKEN}"}],"b":2}`],
    ['in a key of its own kind', `{"cmd":"hello","__proto__":{"token":"${TOKEN}"}}`],
    ['beside other things', `{"a":[{"token":"x"}],"token":"${TOKEN}","b":{"c":[1,2,"]"]},"cmd":"hello"}`],
  ])('a token is hidden %s, in JSON that says the same but for it', async (_, json) => {
    const bytes = spelled(json);
    const { client, file } = await sent(bytes);
    expect(leaks(file)).toBe(false);
    expect(client.length).toBe(bytes.length);
    const rest = (text: string) => JSON.stringify(JSON.parse(text), withoutTokens);
    expect(rest(client.subarray(4).toString())).toBe(rest(json));
  });

  test('a token that is written in escapes is hidden, escape by escape', async () => {
    const { client } = await sent(spelled(`{"cmd":"hello","token":"${escaped}"}`));
    expect(client.subarray(4).toString()).toBe(`{"cmd":"hello","token":"${'*'.repeat(escaped.length)}"}`);
  });

  test('a token that is a number is recorded as another number of the same length', async () => {
    const { client } = await sent(spelled('{"cmd":"hello","token":-123.45e6,"id":7}'));
    expect(client.subarray(4).toString()).toBe('{"cmd":"hello","token":111111111,"id":7}');
  });

  const requests = fc.array(
    fc.oneof(
      fc
        .record({ cmd: fc.constant('hello'), token: fc.constant(TOKEN), id: fc.nat() })
        .map((it) => frame(it)),
      fc
        .uint8Array({ maxLength: 300 })
        .map((body) => spelled(`{"cmd":"put","filename":"f","filesize":${body.length}}`, body)),
      fc.constant(spelled(`{"cmd":"ping","\\u0074oken" : "${TOKEN}"}`)),
    ),
    { minLength: 1, maxLength: 12 },
  );
  const cuts = fc.array(fc.nat(), { maxLength: 12 });

  property.prop([requests, cuts], { numRuns: cases(150) })(
    'a token is nowhere in the file, whatever the chunks; every other byte is there',
    async (frames, places) => {
      const bytes = Buffer.concat(frames);
      const { client, file } = await sent(bytes, places);
      expect(leaks(file)).toBe(false);
      expect(client.toString('latin1')).toBe(
        bytes.toString('latin1').replaceAll(TOKEN, '*'.repeat(TOKEN.length)),
      );
    },
  );

  property.prop([requests, cuts, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 6 })], {
    numRuns: cases(150),
  })(
    'a token is nowhere in the file either when bytes were lost or put in',
    async (frames, places, where, junk) => {
      const bytes = Buffer.concat(frames);
      const at = where % bytes.length;
      const broken = Buffer.concat([bytes.subarray(0, at), junk, bytes.subarray(at + (where % 3))]);
      const { client, file } = await sent(broken, places);
      expect(client.length).toBe(broken.length);
      // A body is a body: what was put in may have moved a header into one.
      if (!isInBody(broken)) expect(leaks(file)).toBe(false);
    },
  );

  test('a token cut into single bytes is hidden', async () => {
    const bytes = frame({ cmd: 'hello', token: TOKEN });
    const { client, file } = await sent(bytes, [...bytes.keys()]);
    expect(leaks(file)).toBe(false);
    expect(client.toString('latin1')).toContain('"token":"***');
  });
});

/** Whether, as a server reads it, some of a token lies in the body of a frame. */
function isInBody(bytes: Buffer): boolean {
  const framing = requestFraming();
  for (let at = 0; at < bytes.length; ) {
    const need = framing.headLength(bytes, at, bytes.length);
    if (typeof need !== 'number' || at + need > bytes.length) return false;
    const opened = framing.parseHead(bytes, at, at + need);
    if ('code' in opened) return false;
    at += need + opened.length;
    if (leaks(bytes.subarray(at - opened.length, at))) return true;
    // A value of another key is not a token.
    if (leaks(Buffer.from(JSON.stringify(opened.header, withoutTokens)))) return true;
  }
  return false;
}

describe('when frames are lost', () => {
  test('when frames are lost, nothing from there on is in the clear, and a comment says where and why', async () => {
    const wrong = Buffer.concat([frame({ cmd: 'ping' }), spelled(`{"token" "${TOKEN}"}`), text(TOKEN)]);
    const { client, file, comments } = await sent(wrong, [30, 31, 40]);
    const good = frame({ cmd: 'ping' }).length;
    expect(client.subarray(0, good)).toEqual(Buffer.from(frame({ cmd: 'ping' })));
    expect(client.subarray(good).toString()).toBe('*'.repeat(wrong.length - good));
    expect(leaks(file)).toBe(false);
    expect(comments).toEqual([
      `bad-header: the header is not a JSON object in UTF-8, at byte ${good} of this side; from here on its bytes are written as *`,
    ]);
  });

  test('when frames are lost, a comment has the length that was declared', async () => {
    const { comments } = await sent(text(`GET / HTTP/1.1\r\nAuthorization: ${TOKEN}\r\n\r\n`));
    expect(comments).toEqual([
      expect.stringMatching(
        /^bad-header-length: the header length is not within bounds \(542393671, and the bound is 65536\)/,
      ),
    ]);
  });

  test('when frames are lost, a header that never came whole is hidden', async () => {
    const { client, file, comments } = await sent(spelled(`{"token":"${TOKEN}"}`).subarray(0, -3), [9, 20]);
    expect(leaks(file)).toBe(false);
    expect(client.toString()).toMatch(/^\*+$/);
    expect(comments).toEqual([expect.stringContaining('truncated')]);
  });

  test('when frames are lost, what a server quotes of it is hidden as well', async () => {
    const quote = {
      code: 'bad-header',
      message: `the header is not valid JSON: "${TOKEN}" is not`,
      position: 12,
      hex: Buffer.from(TOKEN)
        .toString('hex')
        .replace(/..(?=.)/g, '$& '),
      ascii: TOKEN,
    };
    const { server, file, comments } = await sent(spelled(`"${TOKEN}"`), [], frame({ error: quote }));
    expect(leaks(file)).toBe(false);
    const { error } = JSON.parse(server.subarray(4).toString());
    expect(error).toMatchObject({ code: 'bad-header', position: 12 });
    expect(comments.at(-1)).toBe('refused: bad-header: the header is not a JSON object in UTF-8');
  });
});

describe('what waits for the rest of a header', () => {
  /** Who sent what, in the order of the recording: the first letters of it. */
  async function orderOf(talk: (client: Connection, server: Connection) => Promise<void>): Promise<string[]> {
    const { path } = await recorded(talk);
    const { events } = await streamsOf(path);
    return events.flatMap((it) =>
      it.type === 'chunk' ? [`${it.from} ${Buffer.from(it.bytes).toString('latin1').slice(0, 14)}`] : [],
    );
  }
  const asLatin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1').slice(0, 14);
  const ping = frame({ cmd: 'ping' });
  const pong = frame({ ack: 'ping' });
  const hello = frame({ cmd: 'hello', token: TOKEN });

  test('a recorded reply never comes before the request that it answers, although the request waits for the rest of a header', async () => {
    const order = await orderOf(async (client, server) => {
      const [atClient, atServer] = [read(client), read(server)];
      await write(client, Buffer.concat([ping, hello.subarray(0, 20)]));
      await atServer.reached(ping.length + 20);
      await write(server, pong);
      await write(client, hello.subarray(20));
      client.end();
      await atServer.done;
      server.end();
      await atClient.done;
    });
    expect(order).toEqual([
      `client ${asLatin1(ping)}`,
      `server ${asLatin1(pong)}`,
      `client ${asLatin1(hello)}`,
      expect.stringContaining('client '),
    ]);
  });

  test('an incomplete header is written, hidden, before the comment on the connection that broke in it', async () => {
    const order = await orderOf(async (client, server) => {
      const broken = new Promise<void>((resolve) => {
        server.chunks$.subscribe({
          next: () => client.destroy(),
          error: () => {
            server.write([pong], () => {});
            resolve();
          },
        });
      });
      await write(client, hello.subarray(0, 20));
      await broken;
    });
    expect(order).toEqual([`client ${'*'.repeat(14)}`, `server ${asLatin1(pong)}`]);
  });
});

describe('a refusal', () => {
  test('a refusal in a recording has a comment with the request it is of: its number, command and packet', async () => {
    const asked = Buffer.concat([
      frame({ cmd: 'ping' }),
      frame({ cmd: 'get', filename: 'x' }),
      frame({ cmd: 'no' }),
    ]);
    const answers = Buffer.concat([
      frame({ ack: 'ping' }),
      frame({ ack: 'progress', offset: 1 }),
      frame({ error: { code: 'not-found', message: 'there is no such file' }, cmd: 'get' }),
      frame({ error: { code: 'unknown-command', message: "'no'" }, cmd: 'no' }),
      frame({ error: { code: 'timed-out', message: 'too long' } }),
    ]);
    const { comments } = await sent(asked, [18], answers);
    expect(comments).toEqual([
      'refused request 2 (get, packet 5): not-found: there is no such file',
      "refused request 3 (no, packet 5): unknown-command: 'no'",
      'refused: timed-out: too long',
    ]);
  });
});

describe('redacting', () => {
  test('redaction can be a function, for another protocol', async () => {
    const chunks: string[] = [];
    const { path } = await recorded(
      async (client, server) => {
        const [atClient, atServer] = [read(client), read(server)];
        await write(client, text('PASS secret'));
        client.end();
        await atServer.done;
        server.end();
        await atClient.done;
      },
      {
        redact: (from) => (chunk) => {
          chunks.push(from);
          return new Uint8Array(chunk.length).fill(0x78);
        },
      },
    );
    expect((await streamsOf(path)).client.toString()).toBe('xxxxxxxxxxx');
    expect(chunks).toEqual(['client']);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('no such protocol');
      },
      'no such protocol',
    ],
    ['changes a length', () => new Uint8Array(1), 'made 1 bytes of 4'],
  ])('redaction that %s ends the recording, and not the connection', async (_, redact, message) => {
    const { ends } = await recorded(
      async (client, server) => {
        const [atClient, atServer] = [read(client), read(server)];
        await write(client, text('1234'));
        await atServer.reached(4);
        await write(server, text('5678'));
        await atClient.reached(4);
        client.end();
        await atServer.done;
        server.end();
      },
      { redact: () => redact },
    );
    expect(ends).toEqual([
      { path: expect.any(String), why: 'failed', message: expect.stringContaining(message) },
    ]);
  });

  test('a recording without redaction has all bytes as they were', async () => {
    const hello = frame({ cmd: 'hello', token: TOKEN });
    const { path } = await recorded(
      async (client, server) => {
        const [atClient, atServer] = [read(client), read(server)];
        await write(client, hello);
        client.end();
        await atServer.done;
        server.end();
        await atClient.done;
      },
      { redact: null },
    );
    expect((await streamsOf(path)).client.equals(Buffer.from(hello))).toBe(true);
  });
});

describe('how a recording finds requests', () => {
  const anything = fc.oneof(fc.nat(100), fc.constantFrom(-1, 1.5, 'x', null, {}, 2 ** 53));
  const commands = fc.constantFrom(
    'put',
    'get',
    'hello',
    'ping',
    'list',
    'resume',
    'rename',
    'mine',
    7,
    null,
  );
  const headers = fc.record({ cmd: commands, filesize: anything, offset: anything }, { requiredKeys: [] });

  property.prop([headers])('is how a server does', (header) => {
    const bytes = frame(header as JsonHeader);
    const [ours, its] = [jsonHeader({ bodyLength: requestBodyLength }), requestFraming()].map((framing) => {
      const opened = framing.parseHead(bytes, 0, bytes.length);
      return 'code' in opened ? opened.code : opened.length;
    });
    expect(ours).toBe(its);
  });
});
