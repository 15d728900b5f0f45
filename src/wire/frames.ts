/** The messages in a stream of bytes, as an RxJS operator. */
import { map, type OperatorFunction, pipe } from 'rxjs';
import { CODEC, check } from './argument.ts';
import type { BytesLike } from './bytes.ts';
import type { Codec } from './codec.ts';
import { decode } from './decode.ts';
import { FrameError } from './frame-error.ts';

/**
 * Finds the messages in a stream of bytes, however the stream is cut into chunks: the operator for whoever wants
 * nothing but messages.
 *
 * ```text
 *  chunks   --[4 a b]---[c d][1 x]----------|
 *  frames   ------------'abcd'-'x'----------|
 * ```
 *
 * The result errors with a `FrameError` at the first fault of the bytes, and when the source ends in the middle of a
 * message. What the source errors with is passed on. `deframe` has the faults as events, and streamed bodies.
 *
 * @throws TypeError when it is given something else than a codec.
 * @example
 * connection.chunks$.pipe(frames(lengthField({ width: 4, maxLength: 65_536 }))).subscribe({
 *   next: (body) => console.log(`${body.length} bytes`),
 *   error: (error) => console.log(`${connection.remote}: ${error.message}`),
 * });
 */
export function frames<In>(codec: Codec<In, never>): OperatorFunction<BytesLike, In> {
  check('frames: its codec', codec, CODEC);
  return pipe(
    decode<In, never>(codec),
    map((decoded) => {
      if (decoded.type === 'fault') throw new FrameError(decoded.fault);
      return decoded.message;
    }),
  );
}
