import { type Observable, Subscription } from 'rxjs';
import type { Connection } from '../../src/transport/connection.ts';
import type { ListenEvent } from '../../src/transport/listen-event.ts';
import { connectTcp, listenTcp } from '../../src/transport/socket/tcp.ts';
import { once } from './connection-helpers.ts';

/** Listens on a free port of the loopback until told to stop, and hands out what it accepts, one by one. */
export async function listener(events$: Observable<ListenEvent> = listenTcp({ port: 0 })) {
  const waiting: ((connection: Connection) => void)[] = [];
  const accepted: Connection[] = [];
  const subscription = new Subscription();
  const port = await new Promise<number>((resolve, reject) => {
    subscription.add(
      events$.subscribe({
        next: (event) => {
          if (event.type === 'listening') resolve(event.port);
          if (event.type !== 'connection') return;
          const next = waiting.shift();
          if (next === undefined) accepted.push(event.connection);
          else next(event.connection);
        },
        error: reject,
      }),
    );
  });
  const connection = () =>
    new Promise<Connection>((resolve) => {
      const next = accepted.shift();
      if (next === undefined) waiting.push(resolve);
      else resolve(next);
    });
  return { port, connection, stop: () => subscription.unsubscribe() };
}

/** Two ends of a TCP connection over the loopback: the client's and the server's. */
export async function tcpPair(): Promise<[Connection, Connection]> {
  const { port, connection, stop } = await listener();
  const pair = await Promise.all([once(connectTcp({ host: '127.0.0.1', port })), connection()]);
  stop();
  return pair;
}
