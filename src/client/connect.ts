/** Connecting to a server over TCP. For Node. */
import { map, type Observable } from 'rxjs';
import { type ConnectTcpOptions, connectTcp } from '../transport/socket/tcp.ts';
import { ANYTHING, checkOptions, optional, wholeFrom } from '../wire/argument.ts';
import { type Client, createClient } from './client.ts';

/**
 * Connects to a file server over TCP, and makes a client of the connection. Connects when subscribed: emits a client
 * and completes. Errors with a `ConnectionError` when it cannot connect. Unsubscribing before that abandons the
 * attempt; afterwards the client belongs to the subscriber.
 *
 * @example
 * const client = await firstValueFrom(connectClient({ host: '127.0.0.1', port: 8080, timeout: 5_000 }));
 * client.stat('a.txt').subscribe({
 *   next: ({ size }) => console.log(size),
 *   error: (error) => console.error(error.message),
 * });
 */
export const connectClient = (
  options: ConnectTcpOptions & { readonly window?: number },
): Observable<Client> => {
  checkOptions('connectClient', options, {
    host: ANYTHING,
    port: ANYTHING,
    timeout: ANYTHING,
    window: optional(wholeFrom(1)),
  });
  const { window, ...where } = options;
  const settings = window === undefined ? {} : { window };
  return connectTcp(where).pipe(map((connection) => createClient(connection, settings)));
};
