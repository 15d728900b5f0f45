/** Reads the update that a file of `inspect --html` has as JSON. */
import type { PageUpdate } from './page-data.ts';

/** The fields that are lists of numbers, and those that are bytes in base64. */
const NUMBERS: readonly string[] = ['chunks', 'frames'];
const BYTES: readonly string[] = ['chunkBytes', 'frameBytes'];

export const updateFromJson = (text: string): PageUpdate =>
  JSON.parse(text, (key, value: unknown) => {
    if (BYTES.includes(key)) return bytesOf(value as string);
    return NUMBERS.includes(key) && Array.isArray(value) ? Float64Array.from(value) : value;
  }) as PageUpdate;

const bytesOf = (base64: string): Uint8Array =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
