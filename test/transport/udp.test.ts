import { createSocket, type Socket } from 'node:dgram';
import { describe, expect, test } from 'vitest';
import { listenUdp, type UdpEvent } from '../../src/transport/udp.ts';

/** Sends a datagram and resolves with the answer. */
function ask(client: Socket, port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    client.once('message', (bytes) => resolve(bytes.toString()));
    client.send(text, port, '127.0.0.1');
  });
}

describe('listenUdp', () => {
  test('listenUdp emits where it listens, then each datagram whole, and answers', async () => {
    const events: UdpEvent[] = [];
    const client = createSocket('udp4');
    let stop = () => {};
    const port = await new Promise<number>((resolve) => {
      const subscription = listenUdp({ port: 0 }).subscribe((event) => {
        events.push(event);
        if (event.type === 'listening') resolve(event.port);
        else event.reply(Buffer.from(`${Buffer.from(event.bytes)}!`));
      });
      stop = () => subscription.unsubscribe();
    });
    expect(await ask(client, port, 'one')).toBe('one!');
    expect(await ask(client, port, '')).toBe('!');
    expect(events.map(({ type }) => type)).toEqual(['listening', 'datagram', 'datagram']);
    expect(events[1]).toMatchObject({ from: `127.0.0.1:${client.address().port}` });
    stop();
    // A reply that comes too late, or is too large, is lost without a trace.
    if (events[1]?.type === 'datagram') events[1].reply(new Uint8Array(100_000));
    client.close();
  });

  test('a reply that is too large does not end the service', async () => {
    const client = createSocket('udp4');
    let stop = () => {};
    const port = await new Promise<number>((resolve, reject) => {
      const subscription = listenUdp({ port: 0 }).subscribe({
        next: (event) => {
          if (event.type === 'listening') return resolve(event.port);
          event.reply(new Uint8Array(100_000));
          event.reply(event.bytes);
        },
        error: reject,
      });
      stop = () => subscription.unsubscribe();
    });
    expect(await ask(client, port, 'small')).toBe('small');
    stop();
    client.close();
  });

  test('listenUdp errors with the address when it is taken, and when it makes no sense', async () => {
    const fault = await new Promise((resolve) => {
      const first = listenUdp({ port: 0 }).subscribe((event) => {
        if (event.type !== 'listening') return;
        listenUdp({ port: event.port }).subscribe({
          error: (error) => {
            first.unsubscribe();
            resolve(error);
          },
        });
      });
    });
    expect(fault).toMatchObject({ code: 'in-use' });
    const senseless = await new Promise((resolve) =>
      listenUdp({ port: 70_000 }).subscribe({ error: resolve }),
    );
    expect(senseless).toMatchObject({ code: 'failed', address: '127.0.0.1:70000' });
  });
});
