/** Addresses: how one is written, and which host it names. */
import type { Address } from './connection.ts';

/** An IPv4 address in the form of a dual-stack socket: `::ffff:127.0.0.1`. */
const MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/**
 * Formats the address of one end as log lines and URLs have it. A host that is not known (the peer was gone before we
 * asked) becomes `unknown`.
 *
 * @example
 * formatAddress('127.0.0.1', 8080); // '127.0.0.1:8080'
 * formatAddress('::1', 8080); // '[::1]:8080'
 */
export function formatAddress(host: string | undefined, port: number | undefined): Address {
  if (host === undefined || port === undefined) return 'unknown';
  const plain = host.replace(MAPPED, '');
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** The two parts of `HOST:PORT`; the host of IPv6 stays in its brackets. */
export function splitAddress(address: Address): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

/**
 * The host of `HOST:PORT`; null for an address that has none, such as a Unix socket. For IPv6 it is the
 * network (/64), since one customer usually owns all of it.
 *
 * @example hostOf('[2001:db8:1:2::7]:80') // '2001:db8:1:2::/64'
 */
export function hostOf(address: Address): string | null {
  const found = /^(?:\[([0-9a-f:.%\w]+)\]|(\d+\.\d+\.\d+\.\d+)):\d+$/i.exec(address);
  if (found === null) return null;
  return found[2] ?? networkOf(found[1]!);
}

/** The first 64 bits of an IPv6 address, written as short as they can be; of the loopback, the address itself. */
function networkOf(address: string): string {
  if (address === '::1') return address;
  const [left = '', right] = address.split('::');
  const groups = left === '' ? [] : left.split(':');
  const after = right === undefined || right === '' ? [] : right.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - after.length) }, () => '0');
  const whole = right === undefined ? groups : [...groups, ...zeros, ...after];
  return `${whole
    .slice(0, 4)
    .join(':')
    .replace(/(:0)+$/, '')}::/64`;
}
