/** Bytes, in any of JavaScript's forms. */
import { inWords, type Rule } from './argument.ts';

/** Memory, or a view of some: a `Uint8Array` (which a `Buffer` is), any other typed array, a `DataView`. */
export type BytesLike = Uint8Array | ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/** The rule for a value that may be bytes among other things. */
export const BYTES: Rule = {
  words: 'bytes',
  isKind: (value) => ArrayBuffer.isView(value) || isMemory(value),
};

/**
 * Returns the same bytes as a `Uint8Array`: itself if it is one, else a view. Nothing is copied.
 *
 * @param what the name of the value in the error: `a chunk`.
 * @throws TypeError for any other value, which the error describes.
 */
export function bytesOf(value: BytesLike, what: string): Uint8Array {
  return value instanceof Uint8Array ? value : viewOf(value, what);
}

function viewOf(value: unknown, what: string): Uint8Array {
  // Not `instanceof`: values that another window, frame or context has made have classes of their own.
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (isMemory(value)) return new Uint8Array(value);
  const came = typeof value === 'string' ? 'a string' : inWords(value);
  throw new TypeError(
    `${what} must be bytes (a Uint8Array, an ArrayBuffer or a view of one), and is ${came}${adviceFor(value, what)}`,
  );
}

function isMemory(value: unknown): value is ArrayBuffer | SharedArrayBuffer {
  const tag = Object.prototype.toString.call(value);
  return tag === '[object ArrayBuffer]' || tag === '[object SharedArrayBuffer]';
}

function adviceFor(value: unknown, what: string): string {
  if (typeof value === 'string') {
    const isReceived = what === 'a chunk';
    return `: encode it with TextEncoder${isReceived ? ', and call no setEncoding on the socket it comes from' : ''}`;
  }
  if (Object.prototype.toString.call(value) === '[object Blob]') {
    return ": take its arrayBuffer(), or set the WebSocket's binaryType to 'arraybuffer'";
  }
  return '';
}

/**
 * Bytes that keep no other bytes in memory: themselves when they have their memory alone, else a copy.
 *
 * @internal
 */
export const owned = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.prototype.slice.call(bytes);
