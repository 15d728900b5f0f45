import { firstValueFrom, lastValueFrom } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { bytesContent } from '../../src/client/content.ts';
import type { Download } from '../../src/client/get.ts';
import { crc32 } from '../../src/store/crc32.ts';
import { pattern, turns } from '../transport/connection-helpers.ts';
import { played } from './served.ts';

const fault = (result: Promise<unknown>) =>
  result.then(
    () => null,
    (thrown) => thrown,
  );
const bytes = pattern(10);
const good = { ack: 'put', filename: 'a', size: 10, crc32: crc32(bytes), durable: true, id: 1 };

describe('an answer', () => {
  const answered = async (reply: Record<string, unknown>) => {
    const { client, arrived, reply: say } = played();
    const result = fault(lastValueFrom(client.put('a', bytesContent(bytes))));
    await arrived(1);
    say(reply);
    return result;
  };

  test('that is right', async () => expect(await answered(good)).toBe(null));
  test.each([
    ['another CRC-32', { ...good, crc32: 1 }, 'mismatch'],
    ['another size', { ...good, size: 11 }, 'mismatch'],
    ['another name', { ...good, filename: 'b' }, 'mismatch'],
    ['another id', { ...good, id: 2 }, 'protocol'],
    ['an id of another type', { ...good, id: '1' }, 'protocol'],
    ['no id', { ...good, id: undefined }, 'protocol'],
    ['no CRC-32', { ...good, crc32: undefined }, 'protocol'],
    ['the ack of another command', { ...good, ack: 'stat' }, 'protocol'],
    ['an error that is none', { error: 'no', id: 1 }, 'protocol'],
    ['an error about the connection', { error: { code: 'bad-header', message: 'm' } }, 'protocol'],
    ['a refusal', { error: { code: 'disk-full', message: 'm' }, cmd: 'put', id: 1 }, 'refused'],
  ])('with %s', async (_, reply, type) => expect(await answered(reply)).toMatchObject({ type }));

  test('that nobody asked for ends the connection', async () => {
    const { client, reply } = played();
    reply({ ack: 'ping', id: 1 });
    expect(await firstValueFrom(client.closed$)).toMatchObject({ code: 'destroyed' });
  });

  test('to a body that is still being sent is an error', async () => {
    const { client, begun, reply } = played();
    const result = fault(lastValueFrom(client.put('a', { size: 1e9, read: (_, into) => into.length })));
    await begun(1);
    reply({ ...good, size: 1e9 });
    expect(await result).toMatchObject({ type: 'protocol' });
  });

  test('that is no frame says what it is', async () => {
    const { client, arrived, there } = played();
    const result = fault(lastValueFrom(client.put('a', bytesContent(bytes))));
    await arrived(1);
    there.write([new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n')], () => {});
    expect(await result).toMatchObject({ type: 'protocol', message: expect.stringContaining('HTTP') });
  });
});

describe('what is sent', () => {
  test('always bears an id, so that the server knows that replies are read', async () => {
    const { client, arrived, requests } = played();
    client.put('a', bytesContent(bytes), { ifAbsent: true }).subscribe();
    client.ping().subscribe();
    await arrived(2);
    expect(requests.map(({ header }) => header)).toEqual([
      { cmd: 'put', filename: 'a', filesize: 10, ifAbsent: true, id: 1 },
      { cmd: 'ping', id: 2 },
    ]);
  });

  test('is no more requests than the window, until they are answered', async () => {
    const { client, arrived, requests, reply } = played({ window: 3 });
    for (let i = 0; i < 10; i++) client.ping().subscribe();
    await arrived(3);
    await turns(20);
    expect(requests.length).toBe(3);
    reply({ ack: 'ping', id: 1 });
    await arrived(4);
    await turns(20);
    expect(requests.length).toBe(4);
  });

  test('is at most 1 MiB ahead of what the connection takes', async () => {
    const { client, there } = played();
    there.pause();
    let read = 0;
    const content = {
      size: 1e9,
      read: (_: number, into: Uint8Array) => {
        read += into.length;
        return into.length;
      },
    };
    client.put('a', content).subscribe();
    await turns(50);
    expect(read).toBeGreaterThan(900_000);
    expect(read).toBeLessThanOrEqual(1024 * 1024);
  });

  test('leaves out what was given up before its turn', async () => {
    const { client, arrived, requests } = played();
    client.stat('a').subscribe().unsubscribe();
    client.stat('b').subscribe();
    await arrived(1);
    expect(requests.map(({ header }) => header.filename)).toEqual(['b']);
  });

  test('and given up is answered in its turn, and dropped', async () => {
    const { client, arrived, reply } = played();
    const given = client.ping().subscribe({ complete: () => expect.unreachable() });
    const kept = fault(lastValueFrom(client.ping(), { defaultValue: null }));
    await arrived(2);
    given.unsubscribe();
    reply({ ack: 'ping', id: 1 });
    reply({ ack: 'ping', id: 2 });
    expect(await kept).toBe(null);
  });

  test('a put that is given up in its middle takes the connection with it', async () => {
    const { client, begun, requests } = played();
    const put = client.put('a', { size: 1e12, read: (_, into) => into.length }).subscribe();
    await begun(1);
    put.unsubscribe();
    expect(await firstValueFrom(client.closed$)).toMatchObject({ code: 'destroyed' });
    expect(requests[0]?.whole).toBe(false);
  });
});

describe('a connection that breaks', () => {
  test('fails all that is outstanding, and says what was not sent', async () => {
    const { client, arrived, there } = played({ window: 2 });
    const results = [1, 2, 3].map(() => fault(firstValueFrom(client.stat('a'))));
    await arrived(2);
    there.destroy();
    expect(await Promise.all(results)).toMatchObject([
      { type: 'connection', fault: { code: 'reset' }, sent: true },
      { type: 'connection', fault: { code: 'reset' }, sent: true },
      { type: 'connection', fault: { code: 'reset' }, sent: false },
    ]);
    expect(await fault(firstValueFrom(client.stat('a')))).toMatchObject({ type: 'connection', sent: false });
  });

  test('in good order fails it too', async () => {
    const { client, arrived, there } = played();
    const result = fault(firstValueFrom(client.stat('a')));
    await arrived(1);
    there.end();
    expect(await result).toMatchObject({
      type: 'connection',
      fault: { message: 'the server ended the connection' },
    });
    expect(await firstValueFrom(client.closed$)).toBe(null);
  });

  test('fails a put whose content is still being opened, once', async () => {
    const { client, begun, there } = played();
    let opened = (_: unknown) => {};
    const opening = new Promise((resolve) => {
      opened = resolve;
    });
    const first = fault(firstValueFrom(client.stat('a')));
    const put = fault(lastValueFrom(client.put('a', () => opening.then(() => bytesContent(bytes)))));
    await begun(1);
    there.destroy();
    expect(await first).toMatchObject({ sent: true });
    expect(await put).toMatchObject({ type: 'connection', sent: false });
    opened(null);
    await turns(3);
  });

  test('in the middle of a download fails the download', async () => {
    const { client, arrived, reply, there } = played();
    const result = new Promise((resolve) => {
      client.get('a').subscribe({
        next: ({ bytes$ }) => bytes$.subscribe({ error: resolve }),
        error: () => {},
      });
    });
    await arrived(1);
    reply({ ack: 'get', filename: 'a', size: 100, mtime: 0, offset: 0, body: 100, id: 1 }, pattern(50));
    await turns(5);
    there.destroy();
    expect(await result).toMatchObject({ type: 'connection', fault: { code: 'reset' } });
  });
});

describe('a download', () => {
  const begin = async () => {
    const { client, arrived, reply, there } = played();
    const begun = firstValueFrom(client.get('a'));
    const held = new Promise<Download>((resolve) => {
      client.get('a').subscribe(resolve);
    });
    await arrived(2);
    return { client, reply, there, begun, held };
  };
  const ack = (body: number, id: number) => ({
    ack: 'get',
    filename: 'a',
    size: body,
    mtime: 1,
    offset: 0,
    body,
    id,
  });
  const count = (download: Download) => {
    const seen = { bytes: 0, over: false };
    download.bytes$.subscribe({
      next: ({ length }) => {
        seen.bytes += length;
      },
      complete: () => {
        seen.over = true;
      },
    });
    return seen;
  };

  test('nobody reads is not read, and one that is given up makes way', async () => {
    const { reply, there, begun, held } = await begin();
    reply(ack(10, 1), pattern(10));
    await begun;
    // The first was given up when its header came, so its body has passed.
    reply(ack(1_000_000, 2), pattern(20_000));
    const download = await held;
    let settled = 0;
    for (let i = 0; i < 49; i++) there.write([pattern(20_000)], () => settled++);
    await turns(20);
    expect(settled).toBeLessThan(10);
    const seen = count(download);
    await turns(100);
    expect(seen).toEqual({ bytes: 1_000_000, over: true });
  });

  test('stops while it is paused', async () => {
    const { reply, there, held } = await begin();
    reply(ack(0, 1));
    reply(ack(1_000_000, 2));
    const download = await held;
    const seen = count(download);
    download.pause();
    for (let i = 0; i < 50; i++) there.write([pattern(20_000)], () => {});
    await turns(20);
    expect(seen.bytes).toBeLessThanOrEqual(40_000);
    download.resume();
    await turns(100);
    expect(seen).toEqual({ bytes: 1_000_000, over: true });
  });
});
