/** Another DNS server, asked over TCP. */
import { firstValueFrom, switchMap } from 'rxjs';
import { framed } from '../actor/framed/framed.ts';
import { type ConnectTcpOptions, connectTcp } from '../transport/socket/tcp.ts';
import { dnsMessages } from '../wire/codecs/dns-messages.ts';

/** The connections to the other server at once. A query beyond them fails. */
const CONNECTIONS_MAX = 256;
const TIMEOUT_MS = 5000;

/**
 * Asks the DNS server at an address: each query on a connection of its own, so that it makes no difference when the
 * server ends connections.
 *
 * @example
 * const actor = dnsForwarder({ upstream: tcpUpstream({ host: '9.9.9.9', port: 53 }) });
 */
export function tcpUpstream(server: ConnectTcpOptions): (query: Uint8Array) => Promise<Uint8Array> {
  let connections = 0;

  return async (query) => {
    if (connections === CONNECTIONS_MAX) throw new Error(`${CONNECTIONS_MAX} queries are under way`);
    connections++;
    try {
      return await firstValueFrom(
        connectTcp({ timeout: TIMEOUT_MS, ...server }).pipe(
          switchMap(async (connection) => {
            const { request, destroy } = framed(connection, dnsMessages, { timeoutMs: TIMEOUT_MS });
            return request(query).finally(destroy);
          }),
        ),
      );
    } finally {
      connections--;
    }
  };
}
