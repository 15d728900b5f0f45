import { of } from 'rxjs';
import type { Connection } from '../../src/transport/connection.ts';
import { connectTls, listenTls } from '../../src/transport/tls.ts';
import { createAuthority } from '../support/certificates.ts';
import { connectionContract } from './connection-contract.ts';
import { once } from './connection-helpers.ts';
import { listener } from './tcp-pair.ts';

const authority = createAuthority('Test CA');
const server = authority.issue({ subject: [['CN', 'server']], names: ['localhost', '127.0.0.1'] });

async function tlsPair(): Promise<[Connection, Connection]> {
  const { port, connection, stop } = await listener(listenTls({ port: 0, credentials$: of(server) }));
  const pair = await Promise.all([
    once(connectTls({ host: '127.0.0.1', port, ca: authority.cert })),
    connection(),
  ]);
  stop();
  return pair;
}
connectionContract('TLS', tlsPair);
