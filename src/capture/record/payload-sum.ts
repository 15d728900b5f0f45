/**
 * The sum of the 16-bit words of some bytes, carries added again (RFC 1071): the share of a payload in the checksum of
 * its packet.
 *
 * This is a hot path, of every byte that is recorded. JavaScript sums 10 GB/s at best, and needs memory that begins at a
 * multiple of 4; 16 bytes at a time in WebAssembly, of a copy that stays in the processor's cache, it is 30 GB/s.
 */

/** Up to here, the copy and the call cost more than they save. */
const LOOP_BYTES_MAX = 64;

/** The bytes that `MODULE` sums in one step. */
const STEP_BYTES = 64;

/**
 * A module that sums the little-endian words of its memory from 0 to `end`, a multiple of `STEP_BYTES` above 0. Of up
 * to 65,536 bytes the sum has 32 bits.
 *
 *   (module
 *     (memory (export "memory") 2)
 *     (func (export "sum") (param $end i32) (result i32)
 *       (local $at i32) (local $sums v128)
 *       (loop $next
 *         (local.set $sums (i32x4.add (local.get $sums)
 *           (i32x4.add
 *             (i32x4.add
 *               (i32x4.extadd_pairwise_i16x8_u (v128.load (local.get $at)))
 *               (i32x4.extadd_pairwise_i16x8_u (v128.load offset=16 (local.get $at))))
 *             (i32x4.add
 *               (i32x4.extadd_pairwise_i16x8_u (v128.load offset=32 (local.get $at)))
 *               (i32x4.extadd_pairwise_i16x8_u (v128.load offset=48 (local.get $at)))))))
 *         (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 64))) (local.get $end))))
 *       (i32.add
 *         (i32.add (i32x4.extract_lane 0 (local.get $sums)) (i32x4.extract_lane 1 (local.get $sums)))
 *         (i32.add (i32x4.extract_lane 2 (local.get $sums)) (i32x4.extract_lane 3 (local.get $sums))))))
 *
 * Here it is as `wat2wasm` writes it, in base64.
 */
const MODULE =
  'AGFzbQEAAAABBgFgAX8BfwMCAQAFAwEAAgcQAgZtZW1vcnkCAANzdW0AAApfAV0CAX8BewNAIAIgAf0ABAD9fyAB/QAEEP1//a4BIAH9AAQg/X8g' +
  'Af0ABDD9f/2uAf2uAf2uASECIAFBwABqIgEgAEkNAAsgAv0bACAC/RsBaiAC/RsCIAL9GwNqags=';

/** What is used of the global of that name, which the types of Node lack. */
interface WithWebAssembly {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: unknown };
  };
}

interface Summer {
  /** What is summed is copied here. */
  readonly memory: Uint8Array;
  readonly sum: (end: number) => number;
}

/** Undefined until it is needed; null where there is no WebAssembly, or none that sums 16 bytes at a time. */
let summer: Summer | null | undefined;

function createSummer(): Summer | null {
  try {
    const { Module, Instance } = (globalThis as unknown as WithWebAssembly).WebAssembly;
    const { exports } = new Instance(new Module(Buffer.from(MODULE, 'base64')));
    const { memory, sum } = exports as { memory: { buffer: ArrayBuffer }; sum: Summer['sum'] };
    return { memory: new Uint8Array(memory.buffer), sum };
  } catch {
    return null;
  }
}

/**
 * Answers the sum in 16 bits, of words in the order of the network.
 *
 * @param bytes at most 65,536 of them, wherever they begin in their memory.
 */
export function payloadSum(bytes: Uint8Array): number {
  const { length } = bytes;
  if (length <= LOOP_BYTES_MAX) return sumByBytes(bytes);
  if (summer === undefined) summer = createSummer();
  return summer === null ? sumByBytes(bytes) : sumBySteps(summer, bytes);
}

function sumBySteps({ memory, sum }: Summer, bytes: Uint8Array): number {
  const { length } = bytes;
  const end = Math.ceil(length / STEP_BYTES) * STEP_BYTES;
  memory.set(bytes);
  memory.fill(0, length, end);
  const folded16 = folded(sum(end) >>> 0);
  return ((folded16 & 0xff) << 8) | (folded16 >>> 8);
}

/** The sum of a payload, where it is short or there is nothing faster. */
export function sumByBytes(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) sum += bytes[at]! << (at & 1 ? 0 : 8);
  return folded(sum);
}

/** The ones' complement sum of 16 bits of one of up to 53. */
export function folded(sum: number): number {
  let left = sum;
  while (left > 0xffff) left = (left % 0x10000) + Math.floor(left / 0x10000);
  return left;
}
