/** Messages of DNS over TCP. */
import type { Codec } from '../codec.ts';
import { lengthField } from '../length-field.ts';

/** Bytes of the header of a DNS message, which every message has: id, flags and four counts. */
const HEADER_BYTES = 12;

/**
 * DNS over TCP (RFC 1035, section 4.2.2): queries and responses, of 12 to 65,535 bytes, each behind its length. A
 * message is all of its bytes, its header among them. The preset `dns` finds the same frames in a recording.
 *
 * @example
 * const server = framed(await firstValueFrom(connectTcp({ host: '9.9.9.9', port: 53 })), dnsMessages, {
 *   keyOf: (message) => message[0]! * 256 + message[1]!, // the id
 * });
 * const response = await server.request(bytes); // a query, with its header
 */
export const dnsMessages: Codec<Uint8Array> = lengthField({
  width: 2,
  minLength: HEADER_BYTES,
  maxLength: 65_535,
});
