/**
 * Finds the record of a conversation by the flow of one of its directions.
 *
 * ```text
 *  buckets  [ ][•][ ][•] …        a conversation is in one bucket, whichever side speaks: its key is both ends, the
 *               │     └▶ record   lower one first
 *               └▶ record ─▶ record
 * ```
 *
 * The hash adds up the words of the key and the tunnel, each times a random number: whoever makes a recording cannot choose its
 * addresses such that they fall into one bucket (multiply-shift hashing, Dietzfelbinger 1996). What finishes MurmurHash3
 * (`fmix32`) then spreads sums that are alike.
 */
import { endsLength } from '../flow.ts';
import { CHAIN_INT, KEY_HALF, KEY_INFO_INT, NO_RECORD, type Records, TUNNEL_INT, wordOf } from './records.ts';

/** Words of 16 bits in a key: two addresses of IPv6 and two ports. The number of the tunnel, of 32 bits, is beside them. */
const KEY_WORDS_MAX = 18;
const BUCKETS_LOG_MIN = 10;
/** The bit in a record that says that its first direction has the upper end; the rest is the key's length in words. */
const FIRST_IS_UPPER = 64;

export type Way = 'first' | 'second';

export interface FlowIndex {
  /** The record of a flow, and `way` then says which direction's it is; `NO_RECORD` when there is none. */
  find(flow: string): number;
  readonly way: Way;
  /** Adds a conversation by the flow of its first direction. */
  add(record: number, flow: string): void;
  delete(record: number): void;
}

export function createFlowIndex(records: Records): FlowIndex {
  const factors = Int32Array.from({ length: KEY_WORDS_MAX }, randomFactor);
  const tunnelFactor = randomFactor();
  /** The key of the flow that was read last: the lower end's address and port, and then the upper end's. */
  const key = new Uint16Array(KEY_WORDS_MAX);
  let length = 0;
  /** 0 for what is in no tunnel. */
  let tunnel = 0;
  let senderIsUpper = false;
  let bucketsLog = BUCKETS_LOG_MIN;
  let buckets = new Int32Array(1 << bucketsLog).fill(NO_RECORD);
  let size = 0;
  let way: Way = 'first';

  function readKey(flow: string): void {
    length = endsLength(flow) >> 1;
    tunnel = flow.length > 2 * length ? (wordAt(flow, length) << 16) | wordAt(flow, length + 1) : 0;
    const host = (length >> 1) - 1;
    const comparison = compareEnds(flow, host);
    senderIsUpper = comparison > 0;
    const upper = length >> 1;
    const [sender, receiver] = senderIsUpper ? [upper, 0] : [0, upper];
    for (let i = 0; i < host; i++) {
      key[sender + i] = wordAt(flow, i);
      key[receiver + i] = wordAt(flow, host + i);
    }
    key[sender + host] = wordAt(flow, 2 * host);
    key[receiver + host] = wordAt(flow, 2 * host + 1);
  }

  function bucketOf(words: Uint16Array, from: number, count: number, inTunnel: number): number {
    let sum = Math.imul(tunnelFactor, inTunnel);
    for (let i = 0; i < count; i++) sum = (sum + Math.imul(factors[i]!, words[from + i]!)) | 0;
    // Ports that follow each other have sums at equal distances, which fall into few buckets where the distance is unlucky.
    sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
    sum = Math.imul(sum ^ (sum >>> 13), 0xc2b2ae35);
    return (sum ^ (sum >>> 16)) >>> (32 - bucketsLog);
  }

  function hasKey(record: number): boolean {
    const { halves, ints } = records.page(record);
    const word = wordOf(record);
    if ((ints[2 * word + KEY_INFO_INT]! & ~FIRST_IS_UPPER) !== length) return false;
    if (ints[2 * word + TUNNEL_INT] !== tunnel) return false;
    const from = 4 * word + KEY_HALF;
    for (let i = 0; i < length; i++) if (halves[from + i] !== key[i]) return false;
    return true;
  }

  const chainAt = (record: number): number => 2 * wordOf(record) + CHAIN_INT;

  function putFirst(record: number, bucket: number): void {
    records.page(record).ints[chainAt(record)] = buckets[bucket]!;
    buckets[bucket] = record;
  }

  const bucketOfRecord = (record: number): number => {
    const { halves, ints } = records.page(record);
    const word = wordOf(record);
    const count = ints[2 * word + KEY_INFO_INT]! & ~FIRST_IS_UPPER;
    return bucketOf(halves, 4 * word + KEY_HALF, count, ints[2 * word + TUNNEL_INT]!);
  };

  function grow(): void {
    const before = buckets;
    bucketsLog++;
    buckets = new Int32Array(1 << bucketsLog).fill(NO_RECORD);
    for (const head of before) {
      for (let record = head; record !== NO_RECORD; ) {
        const next = records.page(record).ints[chainAt(record)]!;
        putFirst(record, bucketOfRecord(record));
        record = next;
      }
    }
  }

  return {
    get way() {
      return way;
    },
    find(flow) {
      readKey(flow);
      let record = buckets[bucketOf(key, 0, length, tunnel)]!;
      while (record !== NO_RECORD && !hasKey(record)) record = records.page(record).ints[chainAt(record)]!;
      if (record === NO_RECORD) return record;
      const firstIsUpper =
        (records.page(record).ints[2 * wordOf(record) + KEY_INFO_INT]! & FIRST_IS_UPPER) !== 0;
      way = firstIsUpper === senderIsUpper ? 'first' : 'second';
      return record;
    },
    add(record, flow) {
      if (size === buckets.length) grow();
      size++;
      readKey(flow);
      const { halves, ints } = records.page(record);
      const word = wordOf(record);
      halves.set(key, 4 * word + KEY_HALF);
      ints[2 * word + KEY_INFO_INT] = length | (senderIsUpper ? FIRST_IS_UPPER : 0);
      ints[2 * word + TUNNEL_INT] = tunnel;
      putFirst(record, bucketOf(key, 0, length, tunnel));
    },
    delete(record) {
      size--;
      const bucket = bucketOfRecord(record);
      const next = records.page(record).ints[chainAt(record)]!;
      if (buckets[bucket] === record) {
        buckets[bucket] = next;
        return;
      }
      let before = buckets[bucket]!;
      for (;;) {
        const after = records.page(before).ints[chainAt(before)]!;
        if (after === record) break;
        before = after;
      }
      records.page(before).ints[chainAt(before)] = next;
    },
  };
}

const randomFactor = (): number => (Math.random() * 2 ** 32) | 1;

/** Whether the sender's end is above (above 0) the receiver's, below or the same, as bytes are compared. */
function compareEnds(flow: string, host: number): number {
  for (let i = 0; i < host; i++) {
    const difference = wordAt(flow, i) - wordAt(flow, host + i);
    if (difference !== 0) return difference;
  }
  return wordAt(flow, 2 * host) - wordAt(flow, 2 * host + 1);
}

const wordAt = (flow: string, word: number): number =>
  flow.charCodeAt(2 * word) * 256 + flow.charCodeAt(2 * word + 1);
