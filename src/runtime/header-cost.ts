/** What a header that is kept costs in memory, as far as it is worth knowing. */
import type { JsonHeader } from '../wire/json-header.ts';

/** A value, whatever it is: its place and its object. An array of one element costs 40 to 60 bytes, and its text is 2. */
const VALUE_BYTES = 64;
/** A character: its text may be two bytes each. */
const CHARACTER_BYTES = 2;

/** Bytes of memory to count for a header, in all its depth. */
export function headerCost(header: JsonHeader): number {
  let cost = 0;
  // Bounded by the header: each value is in it once.
  const toVisit: unknown[] = [header];
  for (let value = toVisit.pop(); value !== undefined; value = toVisit.pop()) {
    cost += VALUE_BYTES;
    if (!Array.isArray(value)) for (const field in value as object) cost += field.length * CHARACTER_BYTES;
    for (const inner of Object.values(value as object)) {
      if (typeof inner === 'object' && inner !== null) toVisit.push(inner);
      else cost += VALUE_BYTES + (typeof inner === 'string' ? inner.length * CHARACTER_BYTES : 0);
    }
  }
  return cost;
}
