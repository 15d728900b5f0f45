import { firstValueFrom, lastValueFrom, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { bytesContent } from '../../../src/client/content/content.ts';
import type { Download } from '../../../src/client/get.ts';
import { crc32 } from '../../../src/store/crc32.ts';
import { pattern, turns } from '../../transport/connection-helpers.ts';
import { played } from '../served.ts';

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

  test('an answer that is right is accepted', async () => expect(await answered(good)).toBe(null));
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
  ])('an answer with %s is told as what it is', async (_, reply, code) =>
    expect(await answered(reply)).toMatchObject({ code }),
  );

  test('an answer to no request ends the connection', async () => {
    const { client, reply } = played();
    reply({ ack: 'ping', id: 1 });
    expect(await firstValueFrom(client.closed$)).toMatchObject({ code: 'destroyed' });
  });

  test('an answer to a body that is still being sent is an error', async () => {
    const { client, begun, reply } = played();
    const result = fault(lastValueFrom(client.put('a', { size: 1e9, read: (_, into) => into.length })));
    await begun(1);
    reply({ ...good, size: 1e9 });
    expect(await result).toMatchObject({ code: 'protocol' });
  });

  test('an answer that is no frame is reported with the protocol it looks like', async () => {
    const { client, arrived, there } = played();
    const result = fault(lastValueFrom(client.put('a', bytesContent(bytes))));
    await arrived(1);
    there.write([new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n')], () => {});
    expect(await result).toMatchObject({ code: 'protocol', message: expect.stringContaining('HTTP') });
  });
});

describe('progress', () => {
  const put = (settings = {}) => {
    const it = played();
    const events: unknown[] = [];
    const endless = { size: 1e9, read: (_: number, into: Uint8Array) => into.length };
    const failed = new Promise((resolve) => {
      it.client.put('a', endless, { upload: 'u', ...settings }).subscribe({
        next: (event) => event.type !== 'progress' && events.push(event),
        error: resolve,
      });
    });
    return { ...it, events, failed };
  };

  test('progress is reported while the body is still being sent, and ends nothing', async () => {
    const { begun, reply, requests, events, client } = put({ progress: 100 });
    await begun(1);
    expect(requests[0]?.header).toMatchObject({ upload: 'u', progress: 100 });
    reply({ ack: 'progress', upload: 'u', offset: 100, id: 1 });
    reply({ ack: 'progress', upload: 'u', offset: 200, id: 1 });
    await expect.poll(() => events.length).toBe(2);
    expect(events).toEqual([
      { type: 'durable', offset: 100 },
      { type: 'durable', offset: 200 },
    ]);
    client.destroy();
  });

  test.each([
    ['that nobody asked for', {}, { ack: 'progress', upload: 'u', offset: 100, id: 1 }],
    ['without an offset', { progress: 100 }, { ack: 'progress', upload: 'u', id: 1 }],
    ['of another request', { progress: 100 }, { ack: 'progress', upload: 'u', offset: 100, id: 2 }],
  ])('progress %s ends the connection', async (_, settings, ack) => {
    const { begun, reply, failed } = put(settings);
    await begun(1);
    reply(ack);
    expect(await failed).toMatchObject({ code: 'protocol' });
  });
});

describe('a put that goes on', () => {
  test('a resumed put sends only the remaining bytes, and its CRC-32 is that of the whole', async () => {
    const { client, arrived, requests, reply } = played();
    const resumeAt = { offset: 4, crc32: crc32(bytes.subarray(0, 4)) };
    const result = fault(lastValueFrom(client.put('a', bytesContent(bytes), { upload: 'u', resumeAt })));
    await arrived(1);
    expect(requests[0]).toMatchObject({ header: { filesize: 10, offset: 4, upload: 'u' }, body: 6 });
    reply({ ...good, upload: 'u' });
    expect(await result).toBe(null);
  });

  test('a client asks how much of an upload is there, and cancels it', async () => {
    const { client, arrived, requests, reply } = played();
    const there = firstValueFrom(client.resume('u'));
    const gone = fault(lastValueFrom(client.cancel('u'), { defaultValue: null }));
    await arrived(2);
    expect(requests.map(({ header }) => header)).toEqual([
      { cmd: 'resume', upload: 'u', id: 1 },
      { cmd: 'cancel', upload: 'u', id: 2 },
    ]);
    reply({ ack: 'resume', upload: 'u', offset: 4, crc32: 9, id: 1 });
    reply({ ack: 'cancel', upload: 'u', id: 2 });
    expect(await there).toEqual({ offset: 4, crc32: 9 });
    expect(await gone).toBe(null);
  });
});

describe('a deadline, in virtual time', () => {
  const waiting = () => {
    const scheduler = new VirtualTimeScheduler();
    const it = played({ timeout: 1000, scheduler });
    return { ...it, pass: (millis: number) => passed(scheduler, millis) };
  };
  /** Lets so much time go by. */
  function passed(scheduler: VirtualTimeScheduler, millis: number): void {
    scheduler.maxFrames = scheduler.now() + millis;
    scheduler.flush();
    scheduler.frame = scheduler.maxFrames;
  }

  test('the connection is dropped when nothing arrives within the timeout', async () => {
    const { client, arrived, pass } = waiting();
    const result = fault(firstValueFrom(client.stat('a')));
    await arrived(1);
    await turns(3);
    pass(2000);
    expect(await result).toMatchObject({ code: 'connection', cause: { code: 'timeout' }, sent: true });
    expect(await firstValueFrom(client.closed$)).toMatchObject({ code: 'destroyed' });
  });

  test('the timeout restarts with everything that arrives, and does not run once all is answered', async () => {
    const { client, arrived, reply, pass } = waiting();
    const results = [1, 2].map(() => fault(lastValueFrom(client.ping(), { defaultValue: null })));
    await arrived(2);
    await turns(3);
    pass(900);
    reply({ ack: 'ping', id: 1 });
    await turns(3);
    pass(900);
    reply({ ack: 'ping', id: 2 });
    expect(await Promise.all(results)).toEqual([null, null]);
    pass(5000);
    const later = fault(lastValueFrom(client.ping(), { defaultValue: null }));
    await arrived(3);
    reply({ ack: 'ping', id: 3 });
    expect(await later).toBe(null);
  });
});

describe('what is sent', () => {
  test('every request has an id, so that the server knows that replies are read', async () => {
    const { client, arrived, requests } = played();
    client.put('a', bytesContent(bytes), { ifAbsent: true }).subscribe();
    client.ping().subscribe();
    await arrived(2);
    expect(requests.map(({ header }) => header)).toEqual([
      { cmd: 'put', filename: 'a', filesize: 10, ifAbsent: true, id: 1 },
      { cmd: 'ping', id: 2 },
    ]);
  });

  test('no more requests than the window are sent until some are answered', async () => {
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

  test('the client reads at most 1 MiB ahead of the bytes that the connection takes', async () => {
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

  test('a request that was given up before its turn is not sent', async () => {
    const { client, arrived, requests } = played();
    client.stat('a').subscribe().unsubscribe();
    client.stat('b').subscribe();
    await arrived(1);
    expect(requests.map(({ header }) => header.filename)).toEqual(['b']);
  });

  test('a request that was given up after it was sent is answered in its turn, and the answer is dropped', async () => {
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
  test('a connection that breaks fails every unanswered request, and says which were not sent', async () => {
    const { client, arrived, there } = played({ window: 2 });
    const results = [1, 2, 3].map(() => fault(firstValueFrom(client.stat('a'))));
    await arrived(2);
    there.destroy();
    expect(await Promise.all(results)).toMatchObject([
      { code: 'connection', cause: { code: 'reset' }, sent: true },
      { code: 'connection', cause: { code: 'reset' }, sent: true },
      { code: 'connection', cause: { code: 'reset' }, sent: false },
    ]);
    expect(await fault(firstValueFrom(client.stat('a')))).toMatchObject({ code: 'connection', sent: false });
  });

  test('a connection that ends in good order fails every unanswered request too', async () => {
    const { client, arrived, there } = played();
    const result = fault(firstValueFrom(client.stat('a')));
    await arrived(1);
    there.end();
    expect(await result).toMatchObject({
      code: 'connection',
      cause: { message: 'the server ended the connection' },
    });
    expect(await firstValueFrom(client.closed$)).toBe(null);
  });

  test('a connection that breaks fails a put whose content is still being opened, once', async () => {
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
    expect(await put).toMatchObject({ code: 'connection', sent: false });
    opened(null);
    await turns(3);
  });

  test('a connection that breaks in the middle of a download fails the download', async () => {
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
    expect(await result).toMatchObject({ code: 'connection', cause: { code: 'reset' } });
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

  test('a download without a subscriber pauses the connection, and one that is given up makes way', async () => {
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

  test('a download stops while it is paused', async () => {
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
