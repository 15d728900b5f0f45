/** Names in little more memory than their characters: a byte per character, with a NUL between two names. */

/** Packed names. The buffer may be larger than the part in use. */
export interface PackedNames {
  readonly bytes: Buffer;
  readonly used: number;
}

const SEPARATOR = '\0';
/** A quarter of spare room, in steps, so that not every merge needs other memory. */
const STEP_BYTES = 1024;
const roomFor = (used: number): number => Math.ceil((used * 1.25) / STEP_BYTES) * STEP_BYTES;

/** @param names without NUL, of characters that fit in a byte. */
export function pack(names: readonly string[]): PackedNames {
  const text = names.join(SEPARATOR);
  const bytes = Buffer.allocUnsafeSlow(roomFor(text.length));
  return { bytes, used: bytes.write(text, 'latin1') };
}

/** Packs names into the memory of others, which are lost, if its size fits. */
export function repack({ bytes }: PackedNames, names: readonly string[]): PackedNames {
  let chars = names.length;
  for (const { length } of names) chars += length;
  if (bytes.length < chars || bytes.length > 2 * roomFor(chars)) return pack(names);
  return { bytes, used: bytes.write(names.join(SEPARATOR), 'latin1') };
}

export function unpack({ bytes, used }: PackedNames): string[] {
  return used === 0 ? [] : bytes.toString('latin1', 0, used).split(SEPARATOR);
}
