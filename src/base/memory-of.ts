/** Estimates what a value costs in memory. */

/**
 * The cost of a value of any type: its place and its object. An array of one element costs 40 to 60 bytes for 2 bytes
 * of text.
 */
const VALUE_BYTES = 64;
/** The cost of a character: text may take two bytes for each. */
const CHARACTER_BYTES = 2;
/** The most values that are looked at: a value that is no JSON may contain itself. */
const VALUES_MAX = 1_000_000;

/**
 * The bytes of memory that a value costs, nested values included.
 *
 * @param value JSON, or plain objects and arrays that may hold typed arrays too.
 */
export function memoryOf(value: unknown): number {
  let cost = ownCost(value);
  // Bounded by the value: each inner value is pushed once.
  const toVisit: object[] = isContainer(value) ? [value] : [];
  let left = VALUES_MAX;
  for (let each = toVisit.pop(); each !== undefined && left > 0; each = toVisit.pop()) {
    if (!Array.isArray(each)) for (const field in each) cost += field.length * CHARACTER_BYTES;
    for (const inner of Object.values(each) as unknown[]) {
      left--;
      cost += ownCost(inner);
      if (isContainer(inner)) toVisit.push(inner);
    }
  }
  return cost;
}

function ownCost(value: unknown): number {
  if (typeof value === 'string') return VALUE_BYTES + value.length * CHARACTER_BYTES;
  return ArrayBuffer.isView(value) ? VALUE_BYTES + value.byteLength : VALUE_BYTES;
}

const isContainer = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
