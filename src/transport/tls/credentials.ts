/** The credentials of a TLS server: its certificate, and the authorities whose certificates it accepts. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { inWords, RECORD, type Rule } from '../../wire/argument.ts';

/** The certificate of a TLS server with its key, and the authorities of its clients: PEM, each as text or bytes. */
export interface TlsCredentials {
  /** The server's certificate, then those of its issuers up to the authority, which may be left out. */
  readonly cert: string | Uint8Array;
  /** The certificate's private key, without a passphrase. */
  readonly key: string | Uint8Array;
  /**
   * The authorities whose clients' certificates the server accepts. It accepts those of no others. Default none, which
   * is an error where clients present certificates.
   */
  readonly clientCa?: string | Uint8Array;
}

const PEM: Rule = {
  words: 'text or bytes in PEM',
  isKind: (value) => typeof value === 'string' || value instanceof Uint8Array,
};

/** One certificate of a file that may hold many. */
const CERTIFICATE_BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * Explains why credentials cannot be used; null when they can. The sentence contains nothing of a key.
 *
 * @example explainBadCredentials({ cert, key: keyOfAnother }) // 'the key is not the one of the certificate'
 */
export function explainBadCredentials(credentials: TlsCredentials): string | null {
  if (!RECORD.isKind(credentials)) return `credentials are an object, and came as ${inWords(credentials)}`;
  const { cert, key, clientCa } = credentials;
  if (!PEM.isKind(cert)) return `the certificate must be ${PEM.words}, and is ${inWords(cert)}`;
  if (!PEM.isKind(key)) return `the key must be ${PEM.words}, and is ${inWords(key)}`;
  if (clientCa !== undefined && !PEM.isKind(clientCa)) {
    return `the authorities of clients' certificates must be ${PEM.words}, and are ${inWords(clientCa)}`;
  }
  const [own] = certificatesOf(cert) ?? [];
  if (own === undefined) return 'the certificate is not PEM, or is broken';
  if (clientCa !== undefined && certificatesOf(clientCa) === null) {
    return "the authorities of clients' certificates are not PEM, or are broken";
  }
  try {
    if (!own.checkPrivateKey(createPrivateKey(Buffer.from(key)))) {
      return 'the key is not the one of the certificate';
    }
  } catch {
    return 'the key is not PEM, is broken, or has a passphrase';
  }
  return null;
}

/** The certificates in PEM; null when there are none, or one of them is broken. */
export function certificatesOf(pem: string | Uint8Array): readonly X509Certificate[] | null {
  const blocks = Buffer.from(pem).toString('latin1').match(CERTIFICATE_BLOCK);
  try {
    return blocks?.map((each) => new X509Certificate(each)) ?? null;
  } catch {
    return null;
  }
}

/** The credentials as node takes them, for TLS 1.2 and 1.3. */
export const contextOf = ({ cert, key, clientCa }: TlsCredentials): SecureContextOptions => ({
  minVersion: 'TLSv1.2',
  cert: bytesOf(cert),
  key: bytesOf(key),
  ...(clientCa !== undefined && { ca: bytesOf(clientCa) }),
});

export const bytesOf = (pem: string | Uint8Array): string | Buffer =>
  typeof pem === 'string' ? pem : Buffer.from(pem);
