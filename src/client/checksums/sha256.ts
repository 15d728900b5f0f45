/**
 * SHA-256 (FIPS 180-4) in plain JavaScript, for any platform: some 200 MB/s. WebCrypto is faster, but hashes only what is
 * all in memory.
 */
import { hexDigits } from '../../base/bytes.ts';
import type { Hasher } from './hasher.ts';

const BLOCK_BYTES = 64;
/** The last block ends with the length in bits, in so many bytes. */
const LENGTH_BYTES = 8;

interface Sha256State {
  readonly hash: Int32Array;
  /** The words that a block is expanded to. All words are signed: sums of those are quicker. */
  readonly schedule: Int32Array;
  /** The start of a block of which the rest has not come. */
  readonly rest: Uint8Array;
  /** Bytes that have come in all; the last `length % 64` are in `rest`. */
  length: number;
}

/** Makes a hasher for SHA-256, which takes a few hundred bytes of memory. */
export function sha256(): Hasher {
  const state: Sha256State = {
    hash: fractions(8, Math.sqrt),
    schedule: new Int32Array(64),
    rest: new Uint8Array(BLOCK_BYTES),
    length: 0,
  };
  return { update: (bytes) => update(state, bytes), digest: () => digest(state) };
}

function update(state: Sha256State, bytes: Uint8Array): void {
  const { rest } = state;
  const held = state.length % BLOCK_BYTES;
  state.length += bytes.length;
  let at = 0;
  if (held > 0) {
    at = Math.min(BLOCK_BYTES - held, bytes.length);
    rest.set(bytes.subarray(0, at), held);
    if (held + at < BLOCK_BYTES) return;
    compress(state, rest, 0);
  }
  for (; at + BLOCK_BYTES <= bytes.length; at += BLOCK_BYTES) compress(state, bytes, at);
  rest.set(bytes.subarray(at));
}

function digest(state: Sha256State): string {
  update(state, paddingOf(state.length));
  return Array.from(state.hash, (word) => hexDigits(word >>> 0, 8)).join('');
}

/** The bytes that complete the last block behind so many bytes: a single 1 bit, zeros, and the length in bits. */
export function paddingOf(length: number): Uint8Array {
  const held = length % BLOCK_BYTES;
  const fits = held + 1 + LENGTH_BYTES <= BLOCK_BYTES;
  const padding = new Uint8Array((fits ? 1 : 2) * BLOCK_BYTES - held);
  padding[0] = 0x80;
  const view = new DataView(padding.buffer);
  // In two halves, since a shift has 32 bits.
  view.setUint32(padding.length - 8, Math.floor(length / 2 ** 29));
  view.setUint32(padding.length - 4, (length * 8) >>> 0);
  return padding;
}

/** Mixes one block into the hash. */
function compress({ hash, schedule: w }: Sha256State, bytes: Uint8Array, start: number): void {
  for (let i = 0, at = start; i < 16; i++, at += 4) {
    w[i] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  }
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15]!;
    const y = w[i - 2]!;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
  }
  let a = hash[0]!;
  let b = hash[1]!;
  let c = hash[2]!;
  let d = hash[3]!;
  let e = hash[4]!;
  let f = hash[5]!;
  let g = hash[6]!;
  let h = hash[7]!;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUND_CONSTANTS[i]! + w[i]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  hash[0]! += a;
  hash[1]! += b;
  hash[2]! += c;
  hash[3]! += d;
  hash[4]! += e;
  hash[5]! += f;
  hash[6]! += g;
  hash[7]! += h;
}

/** The constants of SHA-256: the first 32 bits behind the point of a root of each of the first primes. */
function fractions(count: number, root: (prime: number) => number): Int32Array {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return Int32Array.from(primes, (prime) => ((root(prime) % 1) * 2 ** 32) | 0);
}

const ROUND_CONSTANTS = fractions(64, Math.cbrt);
