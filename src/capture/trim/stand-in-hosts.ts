/**
 * Stand-ins for the hosts of a trimmed capture, from the ranges that are for documentation (RFC 5737), which no real
 * host has. Ports stay, as they say which protocol it is.
 */
import { splitAddress } from '../../transport/address.ts';
import type { Endpoints } from '../record/synthetic-address.ts';
import type { Conversation } from '../stream-event.ts';

/** 198.51.100.0/24 is for clients, and 192.0.2.0/24 for servers. */
const [CLIENTS, SERVERS] = [
  [198, 51, 100],
  [192, 0, 2],
] as const;
const HOSTS_MAX = 254;

/**
 * Makes the stand-ins of one capture: the same for the same host, except that no two conversations have the same
 * addresses and ports. There are at most 254 of either kind, and then they come round again.
 */
export function createStandIns(): (conversation: Conversation) => Endpoints {
  const clients = createNumbers();
  const servers = createNumbers();
  const used = new Set<string>();
  return ({ client, server }) => {
    const [from, to] = [splitAddress(client), splitAddress(server)];
    const port = { client: from.port, server: to.port };
    const serverHost = servers.of(to.host);
    let clientHost = clients.of(from.host);
    const pair = () => `${clientHost}:${port.client} ${serverHost}:${port.server}`;
    for (let tries = 0; used.has(pair()) && tries < HOSTS_MAX; tries++) clientHost = clients.another();
    used.add(pair());
    return {
      client: { address: Uint8Array.of(...CLIENTS, clientHost), port: port.client },
      server: { address: Uint8Array.of(...SERVERS, serverHost), port: port.server },
    };
  };
}

/** Numbers hosts from 1 to `HOSTS_MAX`. */
function createNumbers() {
  const numbers = new Map<string, number>();
  let count = 0;
  const another = (): number => 1 + (count++ % HOSTS_MAX);
  return {
    another,
    of(host: string): number {
      const number = numbers.get(host) ?? another();
      numbers.set(host, number);
      return number;
    },
  };
}
