/**
 * The encoder: bodies in, frames out.
 */
import { map, type OperatorFunction } from 'rxjs';
import { type Encoded, encodePrefix } from './encode-length.ts';
import { type LengthFieldOptions, type LengthLayout, layoutOf } from './length-options.ts';

const NO_LEAD = new Uint8Array(0);

/**
 * One frame in one piece: the lead, the length field, and a copy of the body.
 *
 * To send a large body without copying it, send `encodeLength(…)` and then the body.
 *
 * @param lead the bytes before the length field, exactly `offset` of them; default none.
 * @throws RangeError when an option is out of its bounds. A body that is refused is a value, as in `encodeLength`.
 * @example encodeFrame({ width: 2, maxLength: 100 }, new TextEncoder().encode('hi')) // bytes 00 02 68 69
 */
export function encodeFrame(
  options: LengthFieldOptions,
  body: Uint8Array,
  lead: Uint8Array = NO_LEAD,
): Encoded {
  return frameOf(layoutOf(options), body, lead);
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
 * A body that cannot be sent (too large, say) ends the stream: the Observable errors with the `Problem`, as
 * `encodeFrame` says it. To leave the body out would change what the peer understands.
 *
 * @param lead the bytes before the length field of every frame, exactly `offset` of them; default none.
 * @throws RangeError when an option is out of its bounds, at once.
 * @example bodies$.pipe(enframe({ width: 4, maxLength: 65536 })).subscribe((bytes) => socket.write(bytes));
 */
export function enframe(
  options: LengthFieldOptions,
  lead: Uint8Array = NO_LEAD,
): OperatorFunction<Uint8Array, Uint8Array> {
  const layout = layoutOf(options);
  return map((body) => {
    const encoded = frameOf(layout, body, lead);
    if (!encoded.ok) throw encoded.fault;
    return encoded.bytes;
  });
}
