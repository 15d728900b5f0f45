/** `/files/NAME`: downloads and previews over HTTP, of what the token may read. */
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, onTestFinished, test } from 'vitest';
import { defaultLimits } from '../../../src/server/limits.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { openDiskStore } from '../../../src/store/disk/disk-store.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { cases } from '../../support/random/cases.ts';
import { fill } from '../../support/sessions/served-in-memory.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';
import { type AskedPage, accessRules, askedPage, cookieOf, tokenOf } from '../../support/web/asked-page.ts';

const bytesOf = (text: string) => Buffer.from(text);
const at = (name: string) => `/files/${name.split('/').map(encodeURIComponent).join('/')}`;

async function storeWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<FileStore> {
  const store = memoryStore();
  for (const [name, content] of Object.entries(files))
    await fill(store, name, typeof content === 'string' ? bytesOf(content) : content);
  return store;
}

const digits = Buffer.from('0123456789');
const pageWith = async (files: Parameters<typeof storeWith>[0]) =>
  askedPage({ store: await storeWith(files) });

describe('a download', () => {
  test('a file comes whole, to be saved, and nothing in it may run', async () => {
    const page = await pageWith({ 'a/b.html': '<script>alert(1)</script>' });
    const { status, headers, body } = await page.ask(at('a/b.html'));
    expect([status, body.toString()]).toEqual([200, '<script>alert(1)</script>']);
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment; filename=b.html',
      'content-length': '25',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'private, no-cache',
      'accept-ranges': 'bytes',
    });
  });

  test('a download is an event of the server, as a get over frames is', async () => {
    const page = await pageWith({ a: digits });
    await page.ask(at('a'));
    await page.shutDown();
    const where = { connection: expect.stringMatching(/^http:\d+$/), remote: expect.stringMatching(/^127/) };
    expect(page.events).toContainEqual(
      expect.objectContaining({ type: 'served', cmd: 'get', filename: 'a', ...where }),
    );
    expect(page.events.filter(({ type }) => type === 'opened' || type === 'closed')).toEqual([
      expect.objectContaining(where),
      expect.objectContaining({ ...where, fault: null }),
    ]);
  });

  test('HEAD answers as GET does, without the bytes', async () => {
    const page = await pageWith({ a: digits });
    const [head, get] = [await page.ask(at('a'), { method: 'HEAD' }), await page.ask(at('a'))];
    const { date: _, ...headers } = get.headers;
    expect(head).toMatchObject({ status: 200, headers, body: Buffer.alloc(0) });
    expect(page.events.filter((event) => event.type === 'served' && event.cmd === 'get')).toHaveLength(1);
  });

  test('an empty file comes with no bytes', async () => {
    const page = await pageWith({ a: '' });
    expect(await page.ask(at('a'))).toMatchObject({ status: 200, headers: { 'content-length': '0' } });
    expect(await page.ask(at('a'), { headers: { range: 'bytes=0-' } })).toMatchObject({ status: 416 });
  });

  test.each([
    ['with "quotes" and \\', `a"b'c.txt`, `attachment; filename="a\\"b'c.txt"`],
    ['with a percent sign', '100%25.txt', `attachment; filename=100%25.txt; filename*=utf-8''100%2525.txt`],
    [
      'in other scripts',
      'données €.txt',
      `attachment; filename="donn?es ?.txt"; filename*=utf-8''donn%C3%A9es%20%E2%82%AC.txt`,
    ],
    ['like a path on Windows', 'a;b=c.txt', 'attachment; filename="a;b=c.txt"'],
  ])('a name %s is written so that browsers save it as it is', async (_, name, disposition) => {
    const page = await pageWith({ [name]: digits });
    const { status, headers } = await page.ask(at(name));
    expect(status).toBe(200);
    const written = Buffer.from(headers['content-disposition'] ?? '', 'latin1').toString('latin1');
    expect(written.toLowerCase()).toBe(disposition.toLowerCase());
  });
});

describe('a preview', () => {
  test.each([
    ['a.png', 'image/png', 'inline'],
    ['a.JPG', 'image/jpeg', 'inline'],
    ['a.avif', 'image/avif', 'inline'],
    ['a.txt', 'text/plain; charset=utf-8', 'inline'],
    ['a.html', 'text/plain; charset=utf-8', 'inline'],
    ['a.svg', 'text/plain; charset=utf-8', 'inline'],
    ['a.xml', 'text/plain; charset=utf-8', 'inline'],
    ['a.xhtml', 'text/plain; charset=utf-8', 'inline'],
    ['a.js', 'text/plain; charset=utf-8', 'inline'],
    ['a.ts', 'text/plain; charset=utf-8', 'inline'],
    ['a.json', 'text/plain; charset=utf-8', 'inline'],
    ['Makefile', 'text/plain; charset=utf-8', 'inline'],
    ['a.pdf', 'application/octet-stream', 'attachment'],
    ['a.mp4', 'application/octet-stream', 'attachment'],
    ['a.zip', 'application/octet-stream', 'attachment'],
  ])('%s is shown as %s, %s', async (name, type, how) => {
    const page = await pageWith({ [name]: '<b>' });
    const { headers } = await page.ask(`${at(name)}?inline`);
    expect(headers['content-type']).toBe(type);
    expect(headers['content-disposition']?.split(';')[0]).toBe(how);
    expect(headers['content-security-policy']).toBe("sandbox; default-src 'none'");
  });
});

describe('a range', () => {
  const content = Buffer.from(Array.from({ length: 3000 }, (_, i) => i % 251));
  /** One server for all cases of a property. */
  function servedOnce(): () => Promise<AskedPage> {
    let page: Promise<AskedPage> | undefined;
    return () => (page ??= pageWith({ a: content }));
  }
  const [served, servedAlso] = [servedOnce(), servedOnce()];

  property.prop([fc.nat({ max: 3100 }), fc.option(fc.nat({ max: 3100 }), { nil: undefined })], {
    numRuns: cases(60),
  })('any range is that slice of the file, and one that is none is answered whole', async (from, to) => {
    const port = await served();
    const { status, headers, body } = await port.ask(at('a'), {
      headers: { range: `bytes=${from}-${to ?? ''}` },
    });
    if (from >= content.length || (to !== undefined && to < from)) {
      expect([status, headers['content-range'], body.length]).toEqual([416, 'bytes */3000', 0]);
    } else {
      const last = Math.min(to ?? 2999, 2999);
      expect([status, headers['content-range']]).toEqual([206, `bytes ${from}-${last}/3000`]);
      expect(body.equals(content.subarray(from, last + 1))).toBe(true);
    }
  });

  property.prop([fc.nat({ max: 4000 })], { numRuns: cases(20) })(
    'any length from the end is the end of the file',
    async (length) => {
      const { status, body } = await (await servedAlso()).ask(at('a'), {
        headers: { range: `bytes=-${length}` },
      });
      expect(status).toBe(length === 0 ? 416 : 206);
      if (length > 0) expect(body.equals(content.subarray(-length))).toBe(true);
    },
  );

  test.each(['bytes=0-1,5-6', 'bytes=a-b', 'bytes', 'lines=1-2', 'bytes=-', 'bytes=1', ''])(
    'the range %j is answered with the whole file',
    async (range) => {
      const own = await pageWith({ a: digits });
      const { status, body } = await own.ask(at('a'), { headers: { range } });
      expect([status, body.toString()]).toEqual([200, '0123456789']);
    },
  );

  test('a range holds only for the version that it was asked for', async () => {
    const own = await pageWith({ a: digits });
    const { etag, 'last-modified': modified } = (await own.ask(at('a'))).headers;
    const rangeIf = (version: string | undefined) =>
      own.ask(at('a'), { headers: { range: 'bytes=2-3', 'if-range': version ?? '' } });
    expect((await rangeIf(etag)).status).toBe(206);
    expect((await rangeIf(modified)).status).toBe(200);
    expect((await rangeIf(`W/${etag}`)).status).toBe(200);
    await fill(own.store, 'a', Buffer.from('9876543210'));
    const changed = await rangeIf(etag);
    expect([changed.status, changed.body.toString()]).toEqual([200, '9876543210']);
  });
});

describe('a version', () => {
  test('a file that has not changed is not sent again, and one that has is', async () => {
    const page = await pageWith({ a: digits });
    const { etag, 'last-modified': modified } = (await page.ask(at('a'))).headers;
    expect(etag).toMatch(/^"/);
    const since = (headers: Record<string, string>) => page.ask(at('a'), { headers });
    expect(await since({ 'if-none-match': etag! })).toMatchObject({ status: 304, headers: { etag } });
    expect((await since({ 'if-modified-since': modified! })).status).toBe(304);
    await fill(page.store, 'a', Buffer.from('9876543210'));
    expect((await since({ 'if-none-match': etag! })).status).toBe(200);
  });

  test('a file whose checksum is not known has no strong version', async () => {
    const store = await storeWith({ a: digits });
    const forgetful: FileStore = {
      ...store,
      stat: async (name) => {
        const found = await store.stat(name);
        if (!found.ok) return found;
        const { crc32: _, ...rest } = found.value;
        return { ok: true, value: rest };
      },
    };
    const page = await askedPage({ store: forgetful });
    const { etag } = (await page.ask(at('a'))).headers;
    expect(etag).toMatch(/^W\//);
    const { status } = await page.ask(at('a'), { headers: { range: 'bytes=2-3', 'if-range': etag! } });
    expect(status).toBe(200);
  });

  test('a file that is replaced between being looked at and being opened is sent as one of the two', async () => {
    const store = await storeWith({ a: digits });
    let replacements = 1;
    const replacing: FileStore = {
      ...store,
      open: async (name) => {
        if (replacements-- > 0) await fill(store, name, Buffer.from('another, and longer'));
        return store.open(name);
      },
    };
    const page = await askedPage({ store: replacing });
    const { status, headers, body } = await page.ask(at('a'));
    expect([status, body.toString()]).toEqual([200, 'another, and longer']);
    expect(headers['content-length']).toBe('19');
    replacements = Number.POSITIVE_INFINITY;
    let count = 0;
    const other = await askedPage({
      store: {
        ...store,
        open: async (name) => {
          await fill(store, name, Buffer.from(`again ${'x'.repeat(++count)}`));
          return store.open(name);
        },
      },
    });
    expect(await other.ask(at('a'))).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  });
});

describe('what may not be read', () => {
  const alice = { name: 'alice', token: tokenOf('alice'), rights: ['read'], prefix: 'alice/' };
  const writer = { name: 'writer', token: tokenOf('writer'), rights: ['write'] };

  test('a name outside of the prefix is as if it were not there, and without the right to read all are refused', async () => {
    const { file, become } = await accessRules({ tokens: [alice, writer] });
    const store = await storeWith({ 'alice/a': digits, 'bob/b': digits });
    const page = await askedPage({ store, access: file });
    const as = (token: string, name: string) =>
      page.ask(at(name), { headers: { cookie: cookieOf(page.port, token) } });
    expect((await as(alice.token, 'alice/a')).body.toString()).toBe('0123456789');
    const [outside, missing] = [await as(alice.token, 'bob/b'), await as(alice.token, 'alice/none')];
    expect([outside.status, missing.status]).toEqual([404, 404]);
    expect(outside.body.toString()).toBe(missing.body.toString());
    expect((await as(writer.token, 'alice/a')).status).toBe(403);
    expect((await as('wrong', 'alice/a')).status).toBe(401);
    expect((await page.ask(at('alice/a'))).status).toBe(401);
    await become({ tokens: [writer] });
    expect((await as(alice.token, 'alice/a')).status).toBe(401);
  });

  test.each([
    '/files/',
    '/files/../secret',
    '/files/..%2fsecret',
    '/files/%2e%2e/secret',
    '/files/a/%2E%2E/%2e%2e/secret',
    '/files/..%5csecret',
    '/files/%5c%5chost%5cshare',
    '/files/a%2fb',
    '/files//a',
    '/files/%2fa',
    '/files/a%00',
    '/files/a%0d%0aSet-Cookie:%20b',
    '/files/%',
    '/files/%ff',
    '/files/%ed%a0%80',
    '/files/.sluice/tmp/x',
    '/files/C:/secret',
    `/files/${'a'.repeat(300)}`,
    '/session/../files/a',
    '/filesa',
  ])('%s is not found', async (path) => {
    const root = tempFolder();
    const opened = await openDiskStore(root);
    if (!opened.ok) throw new Error(opened.error.message);
    onTestFinished(() => opened.value.close());
    await fill(opened.value, 'a/b', digits);
    const page = await askedPage({ store: opened.value });
    const { status, headers } = await page.ask(path);
    expect([status, headers['set-cookie']]).toEqual([404, undefined]);
    expect(page.faults).toEqual([]);
  });

  test('another method is refused', async () => {
    const page = await pageWith({ a: digits });
    expect((await page.ask(at('a'), { method: 'DELETE' })).status).toBe(405);
    expect((await page.ask(at('a'), { method: 'POST', body: 'x' })).status).toBe(405);
  });
});

describe('a slow reader', () => {
  const large = Buffer.alloc(16 * 1024 * 1024, 'x');

  test('a download holds no more than the window of a connection, and ends with the client', async () => {
    const page = await pageWith({ a: large });
    const socket = await page.raw();
    socket.pause();
    socket.write('GET /files/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await expect.poll(() => page.stats().connections).toBe(1);
    await once(socket, 'readable');
    await turn();
    expect(page.stats().unsettled).toBeLessThan(defaultLimits.window.high);
    expect(page.stats().connections).toBe(1);
    socket.destroy();
    await expect.poll(() => page.stats().connections).toBe(0);
    expect(page.stats().unsettled).toBe(0);
  });

  test('a client that reads nothing is cut off, and its file is closed', async () => {
    const store = await storeWith({ a: large });
    let open = 0;
    const counted: FileStore = {
      ...store,
      open: async (name) => {
        const source = await store.open(name);
        if (!source.ok) return source;
        open++;
        return { ok: true, value: { ...source.value, read: source.value.read, close: () => void open-- } };
      },
    };
    const timeouts = { ...defaultLimits.timeouts, unread: 50 };
    const page = await askedPage({ store: counted, limits: { timeouts } });
    const socket = await page.raw();
    socket.pause();
    socket.write('GET /files/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await expect.poll(() => open).toBe(1);
    await expect.poll(() => open).toBe(0);
    await expect.poll(() => page.stats().connections).toBe(0);
  });

  test('a file that ends before its length breaks the download off', async () => {
    const store = await storeWith({ a: digits });
    const shrinking: FileStore = {
      ...store,
      open: async (name) => {
        const source = await store.open(name);
        if (!source.ok) return source;
        const { value } = source;
        const read = async (offset: number, length: number) =>
          offset >= 5
            ? { ok: true as const, value: new Uint8Array() }
            : value.read(offset, Math.min(length, 5));
        return { ok: true, value: { ...value, read } };
      },
    };
    const page = await askedPage({ store: shrinking });
    await expect(page.ask(at('a'))).rejects.toThrow();
    await expect.poll(() => page.stats().connections).toBe(0);
  });

  test('a shutdown waits for a download, and refuses what comes behind it', async () => {
    const page = await pageWith({ a: large });
    const socket = await page.raw();
    socket.pause();
    socket.write(
      'GET /files/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /files/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
    );
    await once(socket, 'readable');
    const over = page.shutDown();
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    socket.resume();
    await Promise.all([over, once(socket, 'close')]);
    expect(received).toBeGreaterThan(large.length);
  });
});
