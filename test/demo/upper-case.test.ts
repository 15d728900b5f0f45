import { createSocket } from 'node:dgram';
import { fc, test as property } from '@fast-check/vitest';
import { firstValueFrom, from, map, type Observable, type Subscription, toArray } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { formatUpper, serveUpper, type UpperEvent, upperCase } from '../../src/demo/upper-case.ts';
import type { Connection } from '../../src/transport/connection.ts';
import { connectTcp } from '../../src/transport/socket/tcp.ts';
import { once, read, turns, write } from '../transport/connection-helpers.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const text = (bytes$: Observable<Uint8Array>) => bytes$.pipe(map((bytes) => new TextDecoder().decode(bytes)));

describe('upperCase', () => {
  const marbles = (run: Parameters<TestScheduler['run']>[0]) =>
    new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(run);

  test('upperCase answers each chunk, and a character in two chunks once it is whole', () => {
    marbles(({ cold, expectObservable }) => {
      const bytes = { a: utf8('größe'), b: Uint8Array.of(0xc3), c: Uint8Array.of(0xa9), d: utf8('é!') };
      expectObservable(text(cold('-a-b-c-d-|', bytes).pipe(upperCase()))).toBe('-A---C-D-|', {
        A: 'GRÖSSE',
        C: 'É',
        D: 'É!',
      });
    });
  });

  test('upperCase flushes half a character at the end as U+FFFD', () => {
    marbles(({ cold, expectObservable }) => {
      const bytes = { a: Uint8Array.of(0x61, 0xe2, 0x82) };
      expectObservable(text(cold('-a-|', bytes).pipe(upperCase()))).toBe('-A-(F|)', { A: 'A', F: '\ufffd' });
    });
  });

  test('upperCase passes an error on, and shares nothing between two subscriptions', () => {
    marbles(({ cold, expectObservable }) => {
      const upper$ = text(cold('-a-#', { a: Uint8Array.of(0x61, 0xe2) }).pipe(upperCase()));
      expectObservable(upper$).toBe('-A-#', { A: 'A' });
      expectObservable(upper$, '--^---!').toBe('---A-#', { A: 'A' });
    });
  });

  property.prop([fc.string({ unit: 'grapheme' }), fc.array(fc.nat(5), { minLength: 1 })])(
    'upperCase gives the same text however it is cut',
    async (words, sizes) => {
      const bytes = utf8(words);
      const chunks: Uint8Array[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      const pieces = await firstValueFrom(from(chunks).pipe(upperCase(), toArray()));
      expect(new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(pieces))).toBe(
        new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).toUpperCase(),
      );
    },
  );

  property.prop([fc.array(fc.uint8Array({ maxLength: 20 }))])(
    'upperCase never throws on random bytes',
    async (chunks) => {
      const pieces = await firstValueFrom(from(chunks).pipe(upperCase(), toArray()));
      expect(() => new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces))).not.toThrow();
    },
  );
});

describe('serveUpper', () => {
  const services: Subscription[] = [];
  afterEach(() => {
    for (const service of services.splice(0)) service.unsubscribe();
  });

  /** Starts both services and resolves with their ports, and with the events as they come. */
  async function start() {
    const events: UpperEvent[] = [];
    const ports = await new Promise<Record<'tcp' | 'udp', number>>((resolve, reject) => {
      const found: Partial<Record<'tcp' | 'udp', number>> = {};
      const subscription = serveUpper({ tcp: { port: 0 }, udp: { port: 0 } }).subscribe({
        next: (event) => {
          events.push(event);
          if (event.type === 'listening') found[event.protocol] = event.port;
          const { tcp, udp } = found;
          if (event.type === 'listening' && tcp !== undefined && udp !== undefined) resolve({ tcp, udp });
        },
        error: reject,
      });
      services.push(subscription);
    });
    return { events, ...ports };
  }
  const client = (port: number): Promise<Connection> => once(connectTcp({ host: '127.0.0.1', port }));

  test('serveUpper answers over TCP, also after the client ended its side', async () => {
    const { tcp, events } = await start();
    const connection = await client(tcp);
    const reading = read(connection);
    await write(connection, utf8('hello, gr'), Uint8Array.of(0xc3));
    await reading.reached(9);
    await write(connection, Uint8Array.of(0xb6), utf8('ße'), Uint8Array.of(0xe2));
    connection.end();
    expect(await reading.done).toBeNull();
    expect(reading.bytes().toString()).toBe('HELLO, GRÖSSE\ufffd');
    expect(await once(connection.closed$)).toBeNull();
    expect(events.filter(({ type }) => type === 'opened')).toEqual([
      { type: 'opened', remote: connection.local },
    ]);
  });

  test('serveUpper answers over UDP', async () => {
    const { udp, events } = await start();
    const socket = createSocket('udp4');
    const answer = new Promise((resolve) => socket.once('message', (bytes) => resolve(bytes.toString())));
    socket.send('straße', udp, '127.0.0.1');
    expect(await answer).toBe('STRASSE');
    const from = `127.0.0.1:${socket.address().port}`;
    expect(events.at(-1)).toEqual({ type: 'answered', from, bytes: 7 });
    expect(formatUpper(events.at(-1)!)).toBe(`${from} answered, 7 bytes`);
    socket.close();
  });

  test('serveUpper stops reading while its replies are not read', async () => {
    const { tcp } = await start();
    const connection = await client(tcp);
    const total = 32 * 1024 * 1024;
    let settled = false;
    connection.write([new Uint8Array(total).fill(0x61)], () => {
      settled = true;
    });
    await turns(200);
    expect(settled).toBe(false);
    connection.end();
    let length = 0;
    await new Promise<void>((resolve) => {
      connection.chunks$.subscribe({
        next: (chunk) => {
          length += chunk.length;
        },
        complete: resolve,
      });
    });
    expect(length).toBe(total);
    expect(settled).toBe(true);
  });

  test('unsubscribing stops listening and drops the connections', async () => {
    const { tcp } = await start();
    const connection = await client(tcp);
    const reading = read(connection);
    await write(connection, utf8('a'));
    await reading.reached(1);
    services.splice(0)[0]?.unsubscribe();
    expect((await reading.done)?.code).toBe('reset');
    const refused = await new Promise((resolve) => {
      connectTcp({ host: '127.0.0.1', port: tcp }).subscribe({ error: resolve });
    });
    expect(refused).toMatchObject({ code: 'refused' });
  });

  test('serveUpper errors when one of the addresses is taken', async () => {
    const { tcp } = await start();
    const fault = await new Promise((resolve) => {
      serveUpper({ tcp: { port: tcp }, udp: { port: 0 } }).subscribe({ error: resolve });
    });
    expect(fault).toMatchObject({ code: 'in-use', address: `127.0.0.1:${tcp}` });
  });
});
