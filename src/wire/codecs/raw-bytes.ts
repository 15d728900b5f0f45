/** Bytes as they come: each chunk is a message. */
import { bytesOf } from '../bytes.ts';
import type { Codec } from '../codec.ts';

/**
 * Bytes without frames: for protocols that have none, and for what comes before the first frame. Messages have the
 * sizes of the pieces in which the network delivers them, which mean nothing.
 *
 * @example
 * const echo = defineActor()({
 *   codec: rawBytes,
 *   reduce: (state, event) => ({
 *     state,
 *     effects: event.type === 'message' ? [{ type: 'send', message: event.message }] : [],
 *   }),
 * });
 */
export const rawBytes: Codec<Uint8Array> = {
  heldMax: 0,
  decoder: {
    initial: (position: number) => position,
    step(position: number, chunk, at, most) {
      if (most < 1 || at >= chunk.length) return { state: position, decoded: [], at };
      // Not `chunk.slice`: that of a Buffer is a view.
      const message = new Uint8Array(chunk.subarray(at));
      const { length } = message;
      return {
        state: position + length,
        decoded: [{ type: 'message', message, cost: length, position }],
        at: chunk.length,
      };
    },
    finish: () => [],
    held: () => 0,
    position: (position: number) => position,
  },
  encode: (message) => [bytesOf(message, 'a message')],
};
