import { filter, firstValueFrom, take, toArray } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { type Framed, framed } from '../../../src/actor/framed/framed.ts';
import { RequestTimeout } from '../../../src/actor/framed/replies.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { lines } from '../../../src/wire/codecs/lines.ts';
import { jsonMessages } from '../../../src/wire/codecs/messages.ts';
import { lengthField } from '../../../src/wire/length-field.ts';
import { ascii, concat } from '../../wire/stream.ts';

const codec = lines({ maxLength: 1000 });

/** Two ends that speak in lines. */
function pair() {
  const [here, there] = memoryPair();
  return { here: framed(here, codec), there: framed(there, codec), raw: here, peer: there };
}

describe('messages', () => {
  test('no message is lost between next, a subscriber and next again, however the bytes were cut', async () => {
    const stream = ascii('hello\none\ntwo\nthree\nfour\n');
    for (let cut = 0; cut <= stream.length; cut++) {
      const { here: _, there, raw } = pair();
      raw.write([stream.slice(0, cut)], () => raw.write([stream.slice(cut)], () => raw.end()));
      expect(await there.next()).toBe('hello');
      expect(await firstValueFrom(there.messages$)).toBe('one');
      expect(await firstValueFrom(there.messages$.pipe(take(2), toArray()))).toEqual(['two', 'three']);
      expect(await there.next()).toBe('four');
      expect(await there.next()).toBeUndefined();
      expect(await firstValueFrom(there.messages$, { defaultValue: 'over' })).toBe('over');
    }
  });

  test('several waits for a message are served in their order', async () => {
    const { here, there } = pair();
    const all = Promise.all([there.next(), there.next(), there.next()]);
    for (const line of ['a', 'b']) await here.send(line);
    here.end();
    expect(await all).toEqual(['a', 'b', undefined]);
  });

  test('a fault of the bytes is an Error that says where, and drops the connection', async () => {
    const { there, raw } = pair();
    raw.write([concat(ascii('ok\n'), Uint8Array.of(0xff), ascii('\n'))], () => {});
    expect(await there.next()).toBe('ok');
    await expect(there.next()).rejects.toMatchObject({
      name: 'FrameError',
      fault: { code: 'message-invalid', position: 3 },
    });
    await expect(firstValueFrom(there.messages$)).rejects.toThrow('at byte 3: ff');
    expect(await firstValueFrom(there.closed$)).toMatchObject({ code: 'destroyed' });
  });

  test('a connection that breaks rejects whoever waits, and every send', async () => {
    const { here, there } = pair();
    const waits = [there.next(), firstValueFrom(there.messages$)];
    here.destroy();
    for (const wait of waits)
      await expect(wait).rejects.toMatchObject({ name: 'ConnectionError', fault: { code: 'reset' } });
    await expect(there.send('x')).rejects.toMatchObject({ name: 'ConnectionError' });
  });

  test('nothing is read while nobody wants a message', async () => {
    const { here, there } = pair();
    let settled = 0;
    const sent = Array.from({ length: 400 }, () => here.send('x'.repeat(1000)).then(() => settled++));
    expect(await there.next()).toHaveLength(1000);
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    expect(settled).toBeLessThan(200);
    const rest = firstValueFrom(there.messages$.pipe(take(399), toArray()));
    await Promise.all(sent);
    expect(await rest).toHaveLength(399);
  });

  test('a second subscriber at the same time is an error', async () => {
    const { there } = pair();
    const first = there.messages$.subscribe();
    await expect(firstValueFrom(there.messages$)).rejects.toThrow('has a subscriber already');
    first.unsubscribe();
  });
});

describe('requests', () => {
  /** Answers as told: each line is answered by these lines. */
  function server(answers: Readonly<Record<string, readonly string[]>>) {
    const { here, there } = pair();
    there.messages$.subscribe({
      next: (line) => {
        for (const answer of answers[line] ?? []) void there.send(answer);
      },
      error: () => {},
    });
    return here;
  }

  test('by order each reply is that of the oldest request', async () => {
    const client = server({ a: ['1'], b: ['2'], c: ['3'] });
    expect(await Promise.all(['a', 'b', 'c'].map((line) => client.request(line)))).toEqual(['1', '2', '3']);
  });

  test('a request that cannot be written rejects, and the reply to the next one is not taken for its own', async () => {
    const [here, there] = memoryPair();
    const broken = {
      ...codec,
      // No list of bytes, so that the connection throws.
      encode: (message: string) => (message === 'bad' ? (ascii('bad\n') as never) : codec.encode(message)),
    };
    const client = framed(here, broken);
    const echo = framed(there, codec);
    echo.messages$.subscribe({ next: (message) => void echo.send(message), error: () => {} });
    await expect(client.request('bad')).rejects.toThrow(TypeError);
    expect(await client.request('good')).toBe('good');
    client.destroy();
  });

  test('a reply that comes too late is dropped, and never given to the next request', async () => {
    const { here, there } = pair();
    const late = here.request('slow', { timeoutMs: 5 });
    await expect(late).rejects.toBeInstanceOf(RequestTimeout);
    const next = here.request('fast');
    expect(await there.next()).toBe('slow');
    expect(await there.next()).toBe('fast');
    await there.send('late');
    await there.send('in time');
    expect(await next).toBe('in time');
    const after = here.next();
    await there.send('unasked');
    expect(await after).toBe('unasked');
  });

  test('by key replies may come in any order, and other messages go to whoever reads', async () => {
    type Message = { readonly id?: number; readonly text: string };
    const json = jsonMessages(lengthField({ width: 2, maxLength: 1000 }));
    const [left, right] = memoryPair();
    const keyOf = (message: unknown) => (message as Message).id;
    const client = framed(left, json, { keyOf });
    const peer = framed(right, json);
    const replies = Promise.all([1, 2].map((id) => client.request({ id, text: 'ask' })));
    await expect(client.request({ id: 1, text: 'again' })).rejects.toThrow(/waits already/);
    await expect(client.request({ text: 'no key' })).rejects.toThrow(/no key/);
    expect(await peer.next()).toEqual({ id: 1, text: 'ask' });
    expect(await peer.next()).toEqual({ id: 2, text: 'ask' });
    for (const message of [
      { text: 'news' },
      { id: 2, text: 'two' },
      { id: 9, text: 'other' },
      { id: 1, text: 'one' },
    ])
      await peer.send(message);
    expect(await replies).toEqual([
      { id: 1, text: 'one' },
      { id: 2, text: 'two' },
    ]);
    expect(await client.next()).toEqual({ text: 'news' });
    expect(await client.next()).toEqual({ id: 9, text: 'other' });

    const late = client.request({ id: 3, text: 'slow' }, { timeoutMs: 5 });
    await expect(late).rejects.toThrow('no reply came within 0.005 s');
    await expect(client.request({ id: 3, text: 'again' })).rejects.toThrow(
      'request: the reply to an earlier request with the key "3" did not come in time, and may still come: use another key',
    );
    const after = client.next();
    await peer.send({ id: 3, text: 'late' });
    await peer.send({ text: 'next' });
    expect(await after).toEqual({ text: 'next' });
    expect(await peer.next()).toEqual({ id: 3, text: 'slow' });
    // Its late reply has come, so there is no doubt any more.
    const again = client.request({ id: 3, text: 'again' });
    expect(await peer.next()).toEqual({ id: 3, text: 'again' });
    await peer.send({ id: 3, text: 'in time' });
    expect(await again).toEqual({ id: 3, text: 'in time' });
  });

  test('the time that a request waits is that of its scheduler', () => {
    const scheduler = new TestScheduler(() => {});
    const [left] = memoryPair();
    const client = framed(left, codec, { scheduler, timeoutMs: 100 });
    const outcome = client.request('x').catch((error: unknown) => error);
    scheduler.schedule(() => {}, 100);
    scheduler.flush();
    return expect(outcome).resolves.toBeInstanceOf(RequestTimeout);
  });

  test('a peer that ends rejects the requests that wait', async () => {
    const { here, there } = pair();
    const reply = here.request('x');
    there.end();
    await expect(reply).rejects.toThrow('the peer has ended its side');
  });

  test('a keyed request does not let unread messages pile up: the connection is paused beyond a bound', async () => {
    const json = jsonMessages(lengthField({ width: 4, maxLength: 200_000 }));
    const [left, right] = memoryPair();
    const client = framed(left, json, {
      keyOf: (message) => (message as { id?: number }).id,
      timeoutMs: 300,
    });
    const peer = framed(right, json);
    const reply = client.request({ id: 1 });
    let settled = 0;
    for (let i = 0; i < 60; i++)
      void peer.send({ news: 'x'.repeat(100_000) }).then(
        () => settled++,
        () => {},
      );
    await expect(reply).rejects.toBeInstanceOf(RequestTimeout);
    expect(settled).toBeLessThan(20);
    client.destroy();
  });
});

describe('another codec', () => {
  const frames = lengthField({ width: 1, maxLength: 255 });
  const frame = (text: string) => concat(Uint8Array.of(text.length), ascii(text));

  test('the object before gets no message of it: what waits there ends, and so does what comes later', async () => {
    const { there, raw } = pair();
    const texts: string[] = [];
    let isComplete = false;
    const upgraded = new Promise<Framed<Uint8Array>>((resolve) => {
      there.messages$.subscribe({
        next: (text) => {
          texts.push(text);
          if (text === 'ready') resolve(there.use(frames));
        },
        complete: () => {
          isComplete = true;
        },
      });
    });
    raw.write([concat(ascii('hello\nready\n'), frame('ab'), frame('cd'))], () => {});
    const next = await upgraded;
    expect([texts, isComplete]).toEqual([['hello', 'ready'], true]);
    expect(await next.next()).toEqual(ascii('ab'));
    expect(await there.next()).toBeUndefined();
    expect(await firstValueFrom(there.messages$, { defaultValue: 'over' })).toBe('over');
    for (const refused of [there.send('x'), there.request('x')])
      await expect(refused).rejects.toThrow('another codec is in use');
    expect(() => there.use(codec)).toThrow('another codec is in use');
    expect(await next.next()).toEqual(ascii('cd'));
    raw.end();
    expect(await next.next()).toBeUndefined();
  });

  test('has its messages at once when it is begun within the last message of the codec before', async () => {
    const { there, raw } = pair();
    const bodies: string[] = [];
    const over = new Promise<void>((resolve) => {
      there.messages$.subscribe(() => {
        there.use(frames).messages$.subscribe({
          next: (body) => bodies.push(String.fromCharCode(...body)),
          complete: resolve,
        });
      });
    });
    raw.write([concat(ascii('ready\n'), frame('ab'), frame('cd'))], () => raw.end());
    await over;
    expect(bodies).toEqual(['ab', 'cd']);
  });

  test('a call of next that waits when it begins ends without a message', async () => {
    const { there, raw } = pair();
    const waiting = there.next();
    const upgraded = there.use(frames);
    expect(await waiting).toBeUndefined();
    raw.write([frame('ab')], () => {});
    expect(await upgraded.next()).toEqual(ascii('ab'));
  });

  test('it cannot begin while a request waits for its reply', async () => {
    const { here, there } = pair();
    const reply = here.request('x');
    expect(() => here.use(frames)).toThrow('use: a request waits for its reply');
    await there.send('y');
    expect(await reply).toBe('y');
    here.use(frames);
  });

  test('a fault before it is a fault of it too', async () => {
    const { there, raw } = pair();
    raw.write([concat(Uint8Array.of(0xff), ascii('\n'), frame('ab'))], () => {});
    await expect(there.next()).rejects.toThrow('UTF-8');
    await expect(there.use(frames).next()).rejects.toThrow('UTF-8');
  });
});

test('a codec is changed behind any message, and its messages follow, however the bytes were cut', async () => {
  const frames = lengthField({ width: 1, maxLength: 255 });
  const stream = concat(ascii('ready\n'), Uint8Array.of(2), ascii('ab'), Uint8Array.of(1), ascii('\n'));
  for (let cut = 0; cut <= stream.length; cut++) {
    const { there, raw } = pair();
    raw.write([stream.slice(0, cut)], () => raw.write([stream.slice(cut)], () => raw.end()));
    expect(await there.next()).toBe('ready');
    const upgraded = there.use(frames);
    expect(
      await firstValueFrom(
        upgraded.messages$.pipe(
          filter(() => true),
          toArray(),
        ),
      ),
    ).toEqual([ascii('ab'), ascii('\n')]);
  }
});
