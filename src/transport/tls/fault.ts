/** Explains failures of TLS, in sentences that say what to do about them. */
import type { ConnectionFault } from '../connection.ts';
import { connectionFault, systemCode } from '../connection-fault.ts';

const UNKNOWN_ISSUER =
  'its certificate was not issued by an authority that is trusted here: trust the one that issued it';

/** Codes of OpenSSL and of node. An error whose code is not here is reported in OpenSSL's own words. */
const CODES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired: it must be renewed, or the clock here is wrong',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: the clock here or there is wrong',
  CERT_SIGNATURE_FAILURE: UNKNOWN_ISSUER,
  CERT_REVOKED: 'its certificate was revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed: trust that certificate as an authority',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_ISSUER,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_ISSUER,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_ISSUER,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_ISSUER,
  INVALID_PURPOSE: 'its certificate is not meant for this use',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the peer does not speak TLS, or only a version that is too old',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the peer does not speak TLS',
  ERR_SSL_HTTP_REQUEST: 'the peer does not speak TLS but plain HTTP',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the peer speaks only a version of TLS that is too old',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'the peer has shown no certificate, and one is required',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the peer did not accept our certificate',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the peer does not trust the authority that issued our certificate',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the peer requires a certificate of us',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'the peer broke the handshake off: it may require a certificate of us',
};

const NOT_TLS_CODES = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_HTTP_REQUEST',
]);

/** Whether the peer has sent bytes that are not TLS at all. */
export const isNotTls = (error: unknown): boolean => NOT_TLS_CODES.has(systemCode(error) ?? '');

/** Whether a code is about a certificate or a handshake. */
const isOfTls = (code: string): boolean =>
  Object.hasOwn(CODES, code) || /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|CRL_|UNABLE_TO_|EPROTO$)/.test(code);

/**
 * Does what `connectionFault` does, for the errors of TLS too: their code is `untrusted`.
 *
 * @example
 * tlsFault(error); // { code: 'untrusted', message: 'its certificate has expired: … (CERT_HAS_EXPIRED)' }
 */
export function tlsFault(error: unknown): ConnectionFault {
  const code = systemCode(error);
  if (code === undefined || !isOfTls(code)) return connectionFault(error);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return { code: 'untrusted', message: otherName(error) };
  return { code: 'untrusted', message: `${CODES[code] ?? reasonOf(error)} (${code})` };
}

function otherName(error: unknown): string {
  const { host, cert } = error as { host?: string; cert?: { subjectaltname?: string } };
  const names = cert?.subjectaltname ?? 'no name at all';
  return `its certificate is for ${names}, not for ${host}: connect by a name that is in it, or say which one to expect`;
}

/** OpenSSL's sentence without the place in its source. */
function reasonOf(error: unknown): string {
  const { reason, message } = error as { reason?: unknown; message?: unknown };
  return typeof reason === 'string' ? reason : String(message).trim();
}
