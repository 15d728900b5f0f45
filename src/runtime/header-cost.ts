/** What a parsed header costs in memory, as far as it is worth knowing. */
import type { JsonHeader } from '../wire/json-header.ts';

/** An ordinary header costs some times its bytes once it is parsed: a few fields, a string or number each. */
const perByte = 8;
/** A value in a large header, whatever it is: an array of one element costs 40 to 60 bytes, and its text is 2. */
const perValue = 64;
/** Bytes of text up to which a header is not looked into. */
const ordinary = 256;

/**
 * Bytes of memory to count for a header of so many bytes of text. Nested JSON (`[[],[],…`) becomes some thirty times its
 * text, which is looked for in headers that are longer than any request needs to be.
 */
export function headerCost(header: JsonHeader, text: number): number {
  if (text <= ordinary) return text * perByte;
  let values = 0;
  // Bounded by the header: each value is in it once.
  const toVisit: unknown[] = [header];
  for (let value = toVisit.pop(); value !== undefined; value = toVisit.pop()) {
    values++;
    if (typeof value !== 'object' || value === null) continue;
    for (const inner of Object.values(value)) {
      if (typeof inner === 'object' && inner !== null) toVisit.push(inner);
      else values++;
    }
  }
  return Math.max(text * perByte, text + values * perValue);
}
