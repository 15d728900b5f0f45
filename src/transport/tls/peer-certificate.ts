/** Whom a TLS peer's certificate says it is. */
import type { TLSSocket } from 'node:tls';
import type { Certificate } from '../connection.ts';

/**
 * The subject of a certificate, as node shows it: one part on each line, or several with ` + ` between them. Special
 * and control characters are escaped as in RFC 2253, so no value can pass for a further part.
 */
const NAME_PARTS = /(?:[^\\+\n]|\\.)+?(?= \+ |\n|$)/gs;

/** The certificate of a peer whose certificate was verified; undefined when it has shown none. */
export function peerCertificate(socket: TLSSocket): Certificate | undefined {
  const shown = socket.getPeerX509Certificate();
  return shown && certificateOf(shown.subject);
}

/**
 * Reads a subject as node's `X509Certificate` has it.
 *
 * @example
 * certificateOf('O=Acme\nCN=alice') // { subject: 'O=Acme,CN=alice', commonName: 'alice' }
 */
export function certificateOf(subject: string | undefined): Certificate {
  const lines = subject ?? '';
  const names = [...lines.matchAll(NAME_PARTS)]
    .map(([part]) => part.trimStart())
    .filter((part) => part.startsWith('CN='))
    .map((part) => unescaped(part.slice('CN='.length)));
  return {
    subject: lines.replaceAll('\n', ','),
    commonName: names.length === 1 ? (names[0] ?? null) : null,
  };
}

const unescaped = (value: string): string =>
  value.replace(/\\([0-9A-F]{2}|.)/gs, (_, what: string) =>
    what.length === 2 ? String.fromCharCode(Number.parseInt(what, 16)) : what,
  );
