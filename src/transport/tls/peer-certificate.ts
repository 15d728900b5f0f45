/** The identity of a TLS peer by its certificate. */
import type { TLSSocket } from 'node:tls';
import type { Certificate } from '../connection.ts';

/**
 * A part of a subject, in node's form: one part on each line, or several with ` + ` between them. Node escapes special
 * and control characters as in RFC 2253, so no value can pass for a further part.
 */
const NAME_PARTS = /(?:[^\\+\n]|\\.)+?(?= \+ |\n|$)/gs;

/** The certificate of a peer, which node has verified; undefined when the peer has presented none. */
export function peerCertificate(socket: TLSSocket): Certificate | undefined {
  const shown = socket.getPeerX509Certificate();
  return shown && certificateOf(shown.subject);
}

/**
 * Reads a subject in the form of node's `X509Certificate`.
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
