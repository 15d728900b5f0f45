/**
 * Memory to write packets into, which sums what is in it: the sum of 16-bit words, carries added again (RFC 1071), the
 * share of a payload in the checksum of its packet.
 *
 * This is a hot path, of every byte that is recorded. JavaScript sums 10 GB/s at best, and needs memory that begins at a
 * multiple of 4; WebAssembly sums 16 bytes at a time, 30 GB/s, but only of its own memory. So a room is such memory:
 * what was copied there to be written is summed where it lies.
 */

/** Up to here, the call costs more than it saves. */
const LOOP_BYTES_MAX = 64;

/** The bytes that `MODULE` sums in one step. */
const STEP_BYTES = 64;

/** The memory of WebAssembly comes in pages. */
const PAGE_BYTES = 64 * 1024;

/**
 * A module that sums the little-endian words of a memory from `at` to `end`, a multiple of `STEP_BYTES` behind it and not
 * the same. Of up to 65,536 bytes the sum has 32 bits.
 *
 *   (module
 *     (import "room" "memory" (memory 1))
 *     (func (export "sum") (param $at i32) (param $end i32) (result i32)
 *       (local $sums v128)
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
  'AGFzbQEAAAABBwFgAn9/AX8CEAEEcm9vbQZtZW1vcnkCAAEDAgEABwcBA3N1bQAACl0BWwEBewNAIAIgAP0ABAD9fyAA/QAEEP1//a4BIAD9AAQg' +
  '/X8gAP0ABDD9f/2uAf2uAf2uASECIABBwABqIgAgAUkNAAsgAv0bACAC/RsBaiAC/RsCIAL9GwNqags=';

interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** What is used of the global of that name, which the types of Node lack. */
interface WithWebAssembly {
  readonly WebAssembly: {
    readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => WasmMemory;
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
  };
}

type Sum = (at: number, end: number) => number;

/** Undefined until it is needed. */
let module: object | undefined;

/** Memory to write packets into, seen in two ways: both of the same bytes, from the first on. */
export interface Room {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Answers the sum of so many bytes, at most 65,536, in 16 bits: of words in the order of the network. */
  readonly sum: (at: number, length: number) => number;
}

/** Makes a room of any size that sums byte by byte: for the few that WebAssembly has no memory for. */
export function createRoom(size: number): Room {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer), sum: (at, length) => sumByBytes(bytes, at, length) };
}

/**
 * Makes rooms that sum fast. They share a memory, since each memory of WebAssembly takes some GiB of the process's
 * addresses, whatever its size.
 *
 * @param size a multiple of 64 KiB.
 */
export function createSummedRooms(count: number, size: number): Room[] {
  const sizes = Array.from({ length: count }, () => size);
  try {
    return roomsOfWasm(sizes);
  } catch {
    return sizes.map(createRoom);
  }
}

function roomsOfWasm(sizes: readonly number[]): Room[] {
  const { Memory, Module, Instance } = (globalThis as unknown as WithWebAssembly).WebAssembly;
  module ??= new Module(Buffer.from(MODULE, 'base64'));
  const pages = sizes.reduce((sum, size) => sum + size) / PAGE_BYTES;
  const memory = new Memory({ initial: pages, maximum: pages });
  const { sum } = new Instance(module, { room: { memory } }).exports as { sum: Sum };
  return sizes.map((size, index) => roomAt(memory.buffer, sum, index * size, size));
}

function roomAt(buffer: ArrayBuffer, sum: Sum, from: number, size: number): Room {
  const bytes = new Uint8Array(buffer, from, size);
  return {
    bytes,
    view: new DataView(buffer, from, size),
    sum: (at, length) => sumBySteps(bytes, sum, at, length),
  };
}

function sumBySteps(bytes: Uint8Array, sum: Sum, at: number, length: number): number {
  if (length <= LOOP_BYTES_MAX) return sumByBytes(bytes, at, length);
  const stepped = length - (length % STEP_BYTES);
  const from = bytes.byteOffset + at;
  const words = folded(sum(from, from + stepped) >>> 0);
  const swapped = ((words & 0xff) << 8) | (words >>> 8);
  return folded(swapped + sumByBytes(bytes, at + stepped, length - stepped));
}

/** The same, where they are few or there is nothing faster. */
function sumByBytes(bytes: Uint8Array, from: number, length: number): number {
  let sum = 0;
  for (let at = 0; at < length; at++) sum += bytes[from + at]! << (at & 1 ? 0 : 8);
  return folded(sum);
}

/** The ones' complement sum of 16 bits of one of up to 53. */
export function folded(sum: number): number {
  let left = sum;
  while (left > 0xffff) left = (left % 0x10000) + Math.floor(left / 0x10000);
  return left;
}
