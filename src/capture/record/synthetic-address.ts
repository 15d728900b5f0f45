/**
 * The addresses of a connection as IP has them, for the packets of a recording; and stand-ins where it has none (Unix
 * sockets, in-memory pairs, peers that are gone).
 *
 * A stand-in is from the ranges that are for documentation (RFC 5737, RFC 3849), which no real peer has.
 */
import type { Address } from '../../transport/connection.ts';

/** One end of a connection. */
export interface Endpoint {
  /** 4 bytes of IPv4, or 16 of IPv6. */
  readonly address: Uint8Array;
  readonly port: number;
}

export interface Endpoints {
  readonly client: Endpoint;
  readonly server: Endpoint;
}

/** The port of a stand-in for a server. */
const STAND_IN_PORT = 8080;
/** Ports of clients: 1,024 to 65,535, for each address. */
const [CLIENT_PORT_MIN, CLIENT_PORTS] = [1024, 64_512];
let standIns = 0;

/**
 * The ends of a connection, both of one family. What is not `HOST:PORT` with an IP address gets a stand-in that no
 * other connection has (until 16 million were made).
 *
 * @example endpointsOf('127.0.0.1:50000', '127.0.0.1:8080').client // { address: 7f 00 00 01, port: 50000 }
 */
export function endpointsOf(client: Address, server: Address): Endpoints {
  const [from, to] = [parseEndpoint(client), parseEndpoint(server)];
  const wide = (from ?? to)?.address.length === 16 || to?.address.length === 16;
  const number = from === null || to === null ? standIns++ : 0;
  const family = wide ? mapped : (endpoint: Endpoint) => endpoint;
  return {
    client: family(from ?? standInClient(number, wide)),
    server: family(to ?? { address: wide ? document6(1) : Uint8Array.of(192, 0, 2, 1), port: STAND_IN_PORT }),
  };
}

function standInClient(number: number, wide: boolean): Endpoint {
  const host = 1 + (Math.floor(number / CLIENT_PORTS) % 254);
  const address = wide ? document6(0x100 + host) : Uint8Array.of(198, 51, 100, host);
  return { address, port: CLIENT_PORT_MIN + (number % CLIENT_PORTS) };
}

/** An address in 2001:db8::/32. */
const document6 = (host: number): Uint8Array =>
  Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host >> 8, host & 0xff);

/** IPv4 as IPv6 has it, `::ffff:a.b.c.d`; for a connection whose other end is IPv6. */
function mapped(endpoint: Endpoint): Endpoint {
  if (endpoint.address.length === 16) return endpoint;
  const address = new Uint8Array(16);
  address.fill(0xff, 10, 12);
  address.set(endpoint.address, 12);
  return { address, port: endpoint.port };
}

/** Reads `127.0.0.1:80` or `[::1]:80`; null for everything else. */
export function parseEndpoint(text: Address): Endpoint | null {
  const [, wide, narrow, digits] = /^(?:\[([0-9a-f:.]+)(?:%[^\]]*)?\]|([\d.]+)):(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) return null;
  const address = wide === undefined ? parse4(narrow ?? '') : parse6(wide);
  return address && { address, port };
}

function parse4(text: string): Uint8Array | null {
  const numbers = text.split('.').map(Number);
  const isAddress = numbers.length === 4 && numbers.every((each) => each <= 255);
  return isAddress ? Uint8Array.from(numbers) : null;
}

function parse6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [front, back] = [groupsOf(halves[0] ?? ''), groupsOf(halves[1] ?? '')];
  if (front === null || back === null) return null;
  const left = 8 - front.length - back.length;
  if (halves.length === 1 ? left !== 0 : left < 1) return null;
  const groups = [...front, ...new Array<number>(left).fill(0), ...back];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** The groups of 16 bits between colons; IPv4 at the end is two of them. */
function groupsOf(text: string): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  for (const part of text.split(':')) {
    if (part.includes('.')) {
      const [a = 0, b = 0, c = 0, d = 0] = parse4(part) ?? [-1];
      if (a < 0) return null;
      groups.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return null;
  }
  return groups;
}
