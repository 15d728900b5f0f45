/** Requests of the page, over one connection that all of them share. It is made when it is needed, and again when it broke. */
import { defer, Observable, type Subscription, switchMap, take, tap, timer } from 'rxjs';
import { type Client, createClient } from '../../client/client.ts';
import { ClientError } from '../../client/client-fault.ts';
import type { Connection } from '../../transport/connection.ts';
import { ConnectionError } from '../../transport/connection-error.ts';
import { fromWebSocket } from '../../transport/web/from-web-socket.ts';

/** Makes a connection to the server that the page is from: by its cookie it is whoever the page speaks for. */
export const connectFrames = (): Observable<Connection> => connectTo('frames');

/** Emits the connection once it is open; errors with a `ConnectionError` when it cannot be. */
export const connectTo = (path: string): Observable<Connection> =>
  defer(() => {
    const url = new URL(path, document.baseURI);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url);
    const connection = fromWebSocket(socket);
    return new Observable<Connection>((subscriber) => {
      const opened = (): void => {
        subscriber.next(connection);
        subscriber.complete();
      };
      socket.addEventListener('open', opened);
      const closing = connection.closed$.subscribe((fault) => {
        const why = fault ?? { code: 'reset' as const, message: 'the server has closed the connection' };
        // A browser does not tell why it could not be opened.
        const isAway = why.code === 'unreachable';
        subscriber.error(
          new ConnectionError(isAway ? { ...why, message: 'The server does not answer.' } : why),
        );
      });
      return () => {
        socket.removeEventListener('open', opened);
        closing.unsubscribe();
        if (socket.readyState === WebSocket.CONNECTING) connection.destroy();
      };
    });
  });

/** Milliseconds of silence after which a server that owes an answer is given up. */
const SILENCE_MS = 30_000;
/** Milliseconds without a request after which the connection is ended. */
const IDLE_MS = 60_000;

export interface Requests {
  /** Makes a request, over the connection that is there or a new one. */
  readonly ask: <T>(request: (client: Client) => Observable<T>) => Observable<T>;
  /** Ends the connection: the next request makes a new one. */
  readonly end: () => void;
}

/** A refusal that says that the rights of the page may be others than it knows. */
const isAboutRights = (error: unknown): boolean =>
  error instanceof ClientError &&
  error.fault.code === 'refused' &&
  ['not-authenticated', 'bad-token', 'forbidden'].includes(error.fault.error.code);

/** @param refused called when no connection could be made, or what the page may do has changed. */
export function createRequests(
  refused: () => void,
  connect: () => Observable<Connection> = connectFrames,
): Requests {
  let client: Promise<Client> | null = null;
  let underWay = 0;
  let resting: Subscription | null = null;
  const drop = (): void => {
    const old = client;
    client = null;
    resting?.unsubscribe();
    void old?.then((it) => it.end()).catch(() => {});
  };
  const open = (): Promise<Client> =>
    new Promise((resolve, reject) => {
      connect()
        .pipe(take(1))
        .subscribe({
          next: (connection) => {
            const made = createClient(connection, { timeout: SILENCE_MS });
            const mine = client;
            made.closed$.subscribe(() => {
              if (client === mine) client = null;
            });
            resolve(made);
          },
          error: (error: unknown) => {
            client = null;
            refused();
            reject(error);
          },
        });
    });
  return {
    ask: (request) =>
      new Observable((subscriber) => {
        resting?.unsubscribe();
        underWay++;
        client ??= open();
        subscriber.add(() => {
          if (--underWay === 0) resting = timer(IDLE_MS).subscribe(drop);
        });
        subscriber.add(
          defer(() => client!)
            .pipe(switchMap(request), tap({ error: (error: unknown) => isAboutRights(error) && refused() }))
            .subscribe(subscriber),
        );
      }),
    end: drop,
  };
}
