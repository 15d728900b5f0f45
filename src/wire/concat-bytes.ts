/**
 * Chunks as one.
 *
 * @param length bytes of all of them, where that is known.
 * @returns a copy: it keeps none of them.
 */
export function concatBytes(chunks: readonly Uint8Array[], length = lengthOf(chunks)): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function lengthOf(chunks: readonly Uint8Array[]): number {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  return length;
}
