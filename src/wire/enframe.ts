/**
 * The encoder: bodies in, frames out.
 */
import { map, type OperatorFunction } from 'rxjs';
import { type BytesLike, bytesOf } from './bytes.ts';
import { EncodeError } from './frame-error.ts';
import { type Encoded, encodePrefix } from './length-codec.ts';
import { type LengthFieldOptions, type LengthLayout, layoutOf } from './length-options.ts';

const NO_LEAD = new Uint8Array(0);

/**
 * One frame in one piece: the lead, the length field, and a copy of the body.
 *
 * To send a large body without copying it, send `encodeLength(…)` and then the body.
 *
 * @param lead the bytes before the length field, exactly `offset` of them; default none.
 * @param body bytes in any form; a string is not bytes.
 * @throws RangeError when an option is out of its bounds, TypeError when the body or the lead is not bytes. The refusal
 *   of a body is a value, as in `encodeLength`.
 * @example encodeFrame({ width: 2, maxLength: 100 }, new TextEncoder().encode('hi')) // bytes 00 02 68 69
 */
export function encodeFrame(
  options: LengthFieldOptions,
  body: BytesLike,
  lead: BytesLike = NO_LEAD,
): Encoded {
  return frameOf(layoutOf(options), bytesOf(body, 'a body'), bytesOf(lead, 'the lead'));
}

function frameOf(layout: LengthLayout, body: Uint8Array, lead: Uint8Array): Encoded {
  const encoded = encodePrefix(layout, body.length, lead, body.length);
  if (encoded.ok) encoded.bytes.set(body, encoded.bytes.length - body.length);
  return encoded;
}

/**
 * Makes a frame of each body, one emission each.
 *
 * ```text
 *  bodies   --'ab'------''-------|
 *  enframe  --[2 a b]---[0]------|
 * ```
 *
 * A body that cannot be sent (too large, say) ends the stream: the Observable errors with an `EncodeError`, whose
 * `fault` is the `HeadFault` that `encodeFrame` returns. To leave the body out would change what the peer understands. A body that is not bytes (a
 * string, say) ends the stream with a `TypeError`.
 *
 * @param lead the bytes before the length field of every frame, exactly `offset` of them; default none.
 * @throws RangeError when an option is out of its bounds, TypeError when the lead is not bytes; at once.
 * @example
 * import { connect } from 'node:net';
 *
 * const socket = connect(7000);
 * bodies$.pipe(enframe({ width: 4, maxLength: 65536 })).subscribe({
 *   next: (bytes) => socket.write(bytes),
 *   error: (error) => socket.destroy(error),
 * });
 */
export function enframe(
  options: LengthFieldOptions,
  lead: BytesLike = NO_LEAD,
): OperatorFunction<BytesLike, Uint8Array> {
  const layout = layoutOf(options);
  const first = bytesOf(lead, 'the lead');
  return map((body) => {
    const encoded = frameOf(layout, bytesOf(body, 'a body'), first);
    if (!encoded.ok) throw new EncodeError(encoded.fault);
    return encoded.bytes;
  });
}
