/**
 * Recognizes the first bytes of the protocols that most often reach the wrong port.
 *
 * `GET ` read as a length is 1,195,725,856 or 542,393,671. The number does not help, but the name of the protocol
 * does.
 */

const OPENINGS: readonly (readonly [opening: string, protocol: string])[] = [
  ['GET ', 'an HTTP request'],
  ['HEAD', 'an HTTP request'],
  ['POST', 'an HTTP request'],
  ['PUT ', 'an HTTP request'],
  ['PATCH', 'an HTTP request'],
  ['DELETE', 'an HTTP request'],
  ['OPTIONS', 'an HTTP request'],
  ['CONNECT', 'an HTTP request'],
  ['TRACE', 'an HTTP request'],
  ['PRI ', 'an HTTP/2 request'],
  ['HTTP', 'an HTTP response'],
  ['SSH-', 'SSH'],
  ['\x16\x03', 'a TLS handshake'],
];

/**
 * The protocol that begins with these bytes, in words, or null.
 *
 * Four bytes are enough: a peer that waits for an answer may have sent no more.
 *
 * @internal
 */
export function guessProtocol(bytes: Uint8Array): string | null {
  const text = String.fromCharCode(...bytes.subarray(0, 8));
  for (const [opening, protocol] of OPENINGS) {
    const seen = opening.slice(0, Math.max(4, text.length));
    if (text.startsWith(seen)) return protocol;
  }
  return null;
}
