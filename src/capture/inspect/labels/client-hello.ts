/**
 * The name of the server that a client asks for (RFC 6066, section 3), in its ClientHello (RFC 8446, section 4.1.2):
 *
 * ```text
 *  version: 2   random: 32   session: 1 + n   cipher suites: 2 + n   compression: 1 + n   extensions: 2 + n
 *  extension    type: 2   length: 2   data       server_name (0): list: 2   kind: 1 (0, a host)   length: 2   name
 * ```
 */
import { asciiOf } from '../../../base/bytes.ts';
import { uint16 } from '../../../wire/presets/message-head.ts';

/** @param hello its bytes, as far as they are there. Returns null when the name is not among them. */
export function requestedServer(hello: Uint8Array): string | null {
  let at = 2 + 32;
  if (at >= hello.length) return null;
  at += 1 + hello[at]!;
  if (at + 2 > hello.length) return null;
  at += 2 + uint16(hello, at);
  if (at >= hello.length) return null;
  at += 1 + hello[at]! + 2;
  while (at + 4 <= hello.length) {
    const [type, length] = [uint16(hello, at), uint16(hello, at + 2)];
    const name = at + 9;
    if (type === 0 && name <= hello.length) {
      const end = name + uint16(hello, at + 7);
      return end <= hello.length && end <= at + 4 + length ? asciiOf(hello.subarray(name, end)) : null;
    }
    at += 4 + length;
  }
  return null;
}
