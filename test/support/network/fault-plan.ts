/** What a fault proxy does to a connection: in each direction, in what pieces, how fast, and what happens when. */
import { type Observable, timer } from 'rxjs';
import { between, oneOf, randomFrom } from '../random/seeded.ts';

/**
 * - `as-is`: as it arrives.
 * - `bytes`: one byte at a time, each its own write and turn of the event loop (some 50 KB/s: for small tests).
 * - `random`: pieces of 1 byte up to all there is, small ones as likely as large ones.
 * - `coalesce`: what arrives within 5 ms in one piece, of at most 16 chunks.
 */
export type Pieces = 'as-is' | 'bytes' | 'random' | 'coalesce';

/** What happens in one direction. */
export type Fault =
  /** Both sides are ended in good order; what they send from then on is thrown away. */
  | { readonly type: 'end' }
  /** Both sides are reset. What was carried may not have been delivered. */
  | { readonly type: 'reset' }
  /** Nothing is carried until this emits or completes. The other direction goes on. */
  | { readonly type: 'stall'; readonly until: Observable<unknown> };

/** A fault, and how many bytes of its direction are carried before it. */
export type TimedFault = Fault & { readonly after: number };

export interface Direction {
  /** Default `as-is`. */
  readonly pieces?: Pieces;
  /** Bytes in a second; default as many as there are. */
  readonly rate?: number;
  /** In ascending order of `after`. */
  readonly faults?: readonly TimedFault[];
}

export interface Plan {
  /** The client is reset as soon as it has connected; the server sees nothing. */
  readonly refuse?: boolean;
  /** From the client to the server. */
  readonly up?: Direction;
  /** From the server to the client. */
  readonly down?: Direction;
}

export interface RandomPlans {
  readonly seed: number;
  /** Bytes upwards within which most connections are cut. */
  readonly within: number;
  /** From this connection on all are carried faithfully, so that every transfer ends; the first is 0. */
  readonly faithfulFrom: number;
}

/**
 * A plan for each connection, by its number: refusals, cuts at random bytes in either direction, stalls, odd pieces and
 * slow lines. The same seed gives the same plans.
 *
 * @example faultProxy({ connections$, connect, plan: randomPlans({ seed: 7, within: 1e6, faithfulFrom: 30 }) })
 */
export function randomPlans({ seed, within, faithfulFrom }: RandomPlans): (connection: number) => Plan {
  return (connection) => {
    if (connection >= faithfulFrom) return {};
    const random = randomFrom(seed * 1000 + connection);
    if (random() < 0.1) return { refuse: true };
    const cut = { type: oneOf(random, ['end', 'reset'] as const) };
    // Small numbers as likely as large ones: the cuts that matter most are in the headers.
    const somewhere = (most: number) => Math.floor(most ** random());
    const stall = { type: 'stall', until: timer(between(random, 1, 60)) } as const;
    const up: Direction = {
      pieces: oneOf(random, ['as-is', 'as-is', 'random', 'coalesce'] as const),
      faults: [
        { after: somewhere(within / 2), ...stall },
        { after: between(random, within / 2, within), ...cut },
      ],
    };
    const down: Direction = { pieces: oneOf(random, ['as-is', 'bytes', 'random', 'coalesce'] as const) };
    const kind = random();
    if (kind < 0.15) return { up: { ...up, faults: [{ after: somewhere(within), ...cut }] }, down };
    if (kind < 0.3) return { up, down: { ...down, faults: [{ after: somewhere(4000), ...cut }] } };
    if (kind < 0.45) return { up, down: { ...down, faults: [{ after: somewhere(4000), ...stall }] } };
    // Slow, but done within a second at the most.
    if (kind < 0.55) return { up: { ...up, rate: within }, down };
    return { up, down };
  };
}
