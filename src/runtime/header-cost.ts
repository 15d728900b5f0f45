/** Estimates what a parsed header costs in memory. */
import type { JsonHeader } from '../wire/json-header.ts';

/**
 * The cost of a value of any type: its place and its object. An array of one element costs 40 to 60 bytes for 2 bytes
 * of text.
 */
const VALUE_BYTES = 64;
/** The cost of a character: text may take two bytes for each. */
const CHARACTER_BYTES = 2;

/** The bytes of memory that a header costs, nested values included. */
export function headerCost(header: JsonHeader): number {
  let cost = 0;
  // Bounded by the header: each value is pushed once.
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
