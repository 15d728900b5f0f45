/** Names for uploads, the same whenever the same content is sent from the same place. */

const FNV_PRIME = 0x0000000001000000000000000000013bn;
const FNV_BASIS = 0x6c62272e07bb014262b821756295c58dn;
const MASK_128 = (1n << 128n) - 1n;

/**
 * Makes 32 characters that stand for some facts: FNV-1a of 128 bits. It is no secret and does not resist an adversary:
 * a resumed upload compares the content's CRC-32 as well.
 *
 * @example stableId('photos/a.jpg', 12_000_000, 1700000000000, '/home/me/photos/a.jpg')
 */
export function stableId(...facts: readonly (string | number | undefined)[]): string {
  let hash = FNV_BASIS;
  for (const byte of new TextEncoder().encode(JSON.stringify(facts))) {
    hash = ((hash ^ BigInt(byte)) * FNV_PRIME) & MASK_128;
  }
  return hash.toString(16).padStart(32, '0');
}
