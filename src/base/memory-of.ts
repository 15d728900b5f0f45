/** Estimates what a value costs in memory. */

/**
 * The cost of a value of any type: its place and its object. An array of one element costs 40 to 60 bytes for 2 bytes
 * of text.
 */
const VALUE_BYTES = 64;
/** The cost of a character: text may take two bytes for each. */
const CHARACTER_BYTES = 2;
/** The most values that are looked at. They cost 64 MB, which is more than any window. */
const VALUES_MAX = 1_000_000;
/** The objects that are visited before each is remembered: a value that is no JSON may contain itself. */
const UNREMEMBERED_MAX = 1000;
/** BigInts below cost no more than a value does. */
const SMALL_BIGINT: bigint = 1n << 256n;

/** A value that is being looked at, in depth and without recursion. */
interface Walk {
  cost: number;
  /** How many more values are looked at. */
  left: number;
  readonly toVisit: object[];
}

/**
 * The bytes of memory that a value costs, nested values included: those of objects, arrays, Maps, Sets, buffers and
 * errors. A view counts as its own bytes, since it may share its buffer with many others. What functions, private
 * fields and objects of the platform keep is not seen.
 */
export function memoryOf(value: unknown): number {
  if (!isContainer(value)) return ownCost(value);
  const walk: Walk = { cost: VALUE_BYTES, left: VALUES_MAX, toVisit: [value] };
  let visited: Set<object> | null = null;
  // Bounded by the value: each inner value is pushed once.
  for (let count = 0; walk.toVisit.length > 0 && walk.left > 0; count++) {
    const each = walk.toVisit.pop()!;
    if (count >= UNREMEMBERED_MAX) {
      visited ??= new Set();
      if (visited.has(each)) continue;
      visited.add(each);
    }
    try {
      visit(walk, each);
    } catch {
      // A getter has thrown, or a proxy: nothing more is known of this object.
    }
  }
  return walk.cost;
}

function visit(walk: Walk, each: object): void {
  if (Array.isArray(each)) return addAll(walk, each);
  const prototype: unknown = Object.getPrototypeOf(each);
  if (prototype !== Object.prototype && prototype !== null) addInner(walk, each);
  for (const field in each) {
    if (walk.left <= 0) return;
    walk.cost += field.length * CHARACTER_BYTES;
    add(walk, (each as Record<string, unknown>)[field]);
  }
}

/** Adds what an object has besides its fields. */
function addInner(walk: Walk, each: object): void {
  if (each instanceof Map) {
    addAll(walk, each.keys());
    addAll(walk, each.values());
  } else if (each instanceof Set) addAll(walk, each);
  else if (each instanceof Error) addAll(walk, [each.message, each.stack, each.cause]);
  else if (each instanceof ArrayBuffer || isShared(each)) walk.cost += each.byteLength;
}

/** Not every platform has them. */
const isShared = (value: object): value is SharedArrayBuffer =>
  typeof SharedArrayBuffer === 'function' && value instanceof SharedArrayBuffer;

function addAll(walk: Walk, values: Iterable<unknown>): void {
  for (const inner of values) {
    if (walk.left <= 0) return;
    add(walk, inner);
  }
}

/** Adds what a value costs by itself. Those in it follow. */
function add(walk: Walk, value: unknown): void {
  walk.left--;
  walk.cost += ownCost(value);
  if (isContainer(value)) walk.toVisit.push(value);
}

function ownCost(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return VALUE_BYTES + value.length * CHARACTER_BYTES;
    case 'bigint':
      if (value < SMALL_BIGINT && value > -SMALL_BIGINT) return VALUE_BYTES;
      // A digit in base 16 is half a byte.
      return VALUE_BYTES + value.toString(16).length / 2;
    case 'object':
      return ArrayBuffer.isView(value) ? VALUE_BYTES + value.byteLength : VALUE_BYTES;
    default:
      return VALUE_BYTES;
  }
}

const isContainer = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
