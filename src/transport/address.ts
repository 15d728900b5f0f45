import type { Address } from './connection.ts';

/** An IPv4 address as a dual-stack socket shows it: `::ffff:127.0.0.1`. */
const MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/**
 * Names one end the way a log line or a URL does. A host that is not known (the peer was gone before we asked)
 * becomes `unknown`.
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
