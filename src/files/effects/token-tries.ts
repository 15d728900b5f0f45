/**
 * Limits how often tokens may be tried from one address. A few wrong tokens cost nothing. More of them slow down all
 * tries from that address.
 *
 *   wrong tokens on record     the next try from there waits for
 *   fewer than `WRONG_FREE`    nothing
 *   more                       its turn: `GAP_FIRST_MS` after the last one, then twice that, up to `GAP_MAX_MS`; but never
 *                              longer than `WAIT_MAX_MS`
 *
 * One wrong token is forgotten every `FORGET_MS`, and at most `WRONG_MAX` are on record. So an address is free again
 * a minute or two after its last wrong token.
 *
 * A right token waits as long as a wrong one would. If it were let in at once, a client that hangs up after a moment
 * would know that its token was wrong, and nothing would slow it down. So a client that shares its address with one
 * that guesses (behind one router or one proxy) waits too. But it is never shut out: every wait ends after
 * `WAIT_MAX_MS` at the latest, and then the token is checked. Therefore a client with many connections can try as
 * many tokens in `WAIT_MAX_MS` as it may have connections. The limit on connections from one address bounds that.
 *
 * The record is bounded. Beyond `ADDRESSES_MAX` the address with the oldest last wrong token is forgotten. A
 * forgotten address is free, so no client can harm another by that. And a client that wants its own address forgotten
 * must say as many wrong tokens from other addresses.
 */
import { check, FUNCTION } from '../../wire/argument.ts';

/** The wrong tokens from one address that cost nothing. */
export const WRONG_FREE = 10;
/** The most wrong tokens that are remembered of one address. */
export const WRONG_MAX = 16;
/** The time after which one of them is forgotten. */
export const FORGET_MS = 10_000;
export const GAP_FIRST_MS = 250;
export const GAP_MAX_MS = 2_000;
export const WAIT_MAX_MS = 10_000;
/** The most addresses that are remembered: some 2 MB of memory. */
export const ADDRESSES_MAX = 10_000;

/**
 * How often tokens were tried from each address, so that nobody guesses one: ten wrong ones cost nothing, and each
 * further one makes the address wait. Wrong tokens are forgotten, one every ten seconds.
 */
export interface TokenTries {
  /** Takes the next turn of an address. Returns in how many milliseconds it is: 0 for now, at most 10,000. */
  readonly takeTurn: (address: string) => number;
  /** Records that a wrong token was tried from an address. */
  readonly wrong: (address: string) => void;
  /** The number of addresses that are remembered, at most 10,000. */
  readonly remembered: () => number;
}

interface TriedAddress {
  /** The time at which the last of its wrong tokens is forgotten. */
  freeAt: number;
  /** The time of its last turn, which may be in the future. */
  lastTurn: number;
}

/**
 * Makes a memory of the tokens that were tried, which forgets by the clock it is given.
 *
 * @param now the time in milliseconds; one that is never set back.
 * @example
 * const tries = createTokenTries(() => performance.now());
 * for (let i = 0; i < 10; i++) tries.wrong('192.0.2.7');
 * tries.takeTurn('192.0.2.7'); // about 250
 * tries.takeTurn('192.0.2.8'); // 0
 */
export function createTokenTries(now: () => number): TokenTries {
  check('createTokenTries: the clock', now, FUNCTION);
  /** In the order of their last wrong token, the oldest first. */
  const entries = new Map<string, TriedAddress>();

  /** The number of wrong tokens on record. One that is half forgotten counts as a whole one. */
  const wrongOf = ({ freeAt }: TriedAddress, at: number): number =>
    Math.ceil(Math.max(0, freeAt - at) / FORGET_MS);

  function takeTurn(address: string): number {
    const entry = entries.get(address);
    if (entry === undefined) return 0;
    const at = now();
    const over = wrongOf(entry, at) - WRONG_FREE;
    if (over < 0) return 0;
    const gap = Math.min(GAP_FIRST_MS * 2 ** over, GAP_MAX_MS);
    entry.lastTurn = Math.min(Math.max(at, entry.lastTurn + gap), at + WAIT_MAX_MS);
    return entry.lastTurn - at;
  }

  /** Forgets two addresses at the most: more than come in, and never many at once. */
  function forgetOld(at: number): void {
    let looks = 2;
    for (const [address, { freeAt }] of entries) {
      if (looks-- === 0 || freeAt > at) return;
      entries.delete(address);
    }
  }

  function wrong(address: string): void {
    const at = now();
    const entry = entries.get(address) ?? { freeAt: at, lastTurn: at };
    entry.freeAt = Math.min(Math.max(entry.freeAt, at) + FORGET_MS, at + WRONG_MAX * FORGET_MS);
    entry.lastTurn = Math.max(entry.lastTurn, at);
    entries.delete(address);
    forgetOld(at);
    const [oldest] = entries.size >= ADDRESSES_MAX ? entries.keys() : [];
    if (oldest !== undefined) entries.delete(oldest);
    entries.set(address, entry);
  }

  return { takeTurn, wrong, remembered: () => entries.size };
}
