/** A tapped connection is a connection: it keeps the whole contract, whatever it is made of, and at either end. */
import { afterAll } from 'vitest';
import { record } from '../../../src/capture/record/record.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { connectionContract } from '../../transport/connection-contract.ts';
import { tcpPair } from '../../transport/tcp-pair.ts';

// What is recorded here is looked at elsewhere; these would be gigabytes.
const clients = record('/dev/null', { at: 'client', redact: null });
const servers = record('/dev/null', { at: 'server' });
afterAll(() => Promise.all([clients.close(), servers.close()]));

const bothTapped = ([left, right]: [Connection, Connection]): [Connection, Connection] => [
  clients.wrap(left),
  servers.wrap(right),
];

connectionContract('a tapped memory pair', async () => bothTapped(memoryPair()));
connectionContract('a tapped TCP connection', async () => bothTapped(await tcpPair()));
