/** The responses of a DNS server, each kept for as long as the least TTL in it says. */
import { aged, secondsToKeep } from './dns-message.ts';

export interface DnsCache {
  /** The response that is kept under a key; its TTLs are less by the time for which it was. */
  readonly get: (key: string) => Uint8Array | undefined;
  /** Keeps a response, if it may be kept at all. @throws RangeError when it is cut. */
  readonly set: (key: string, response: Uint8Array) => void;
}

/** A longer response is not kept. */
const RESPONSE_BYTES_MAX = 4096;

/** @param entriesMax the most responses that are kept, of at most 4 KiB each. The oldest goes first. */
export function createDnsCache(entriesMax: number): DnsCache {
  const kept = new Map<
    string,
    { readonly response: Uint8Array; readonly since: number; readonly seconds: number }
  >();

  return {
    get(key) {
      const found = kept.get(key);
      if (found === undefined) return undefined;
      const age = Math.floor((Date.now() - found.since) / 1000);
      if (age < found.seconds) return aged(found.response, age);
      kept.delete(key);
      return undefined;
    },
    set(key, response) {
      const seconds = secondsToKeep(response);
      if (seconds === 0 || response.length > RESPONSE_BYTES_MAX) return;
      // A map has its keys in the order in which they were set.
      kept.delete(key);
      kept.set(key, { response: new Uint8Array(response), since: Date.now(), seconds });
      const [oldest] = kept.keys();
      if (kept.size > entriesMax) kept.delete(oldest!);
    },
  };
}
