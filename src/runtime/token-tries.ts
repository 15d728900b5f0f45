/**
 * How often tokens may be tried from one address: a few wrong ones cost nothing, more of them slow down all that come
 * from there.
 *
 *   wrong tokens that are remembered   what the next try from there waits for
 *   fewer than `WRONG_FREE`            nothing
 *   more                               its turn: `GAP_FIRST_MS` after the last one, then twice that, up to `GAP_MAX_MS`;
 *                                      but never longer than `WAIT_MAX_MS`
 *
 * One is forgotten every `FORGET_MS`, and more than `WRONG_MAX` are not remembered, so that an address is free again a
 * minute or two after the last wrong one.
 *
 * A right token waits as a wrong one would. Were it let in at once, whoever hung up after a moment would know that his was
 * wrong, and would be slowed down by nothing. So who shares an address with somebody who guesses (behind one router or one
 * proxy) waits too, but is never shut out: every wait ends, after `WAIT_MAX_MS` at the latest, and then the token is looked
 * at. Who opens many connections at once can therefore try as many tokens in `WAIT_MAX_MS` as he may have connections;
 * the bound on connections from one address is what bounds that.
 *
 * What is remembered is bounded: beyond `ADDRESSES_MAX` the address whose last wrong token is the longest ago is
 * forgotten. To be forgotten is to be free, so nobody can harm another by it; and who wants to have his own address
 * forgotten must say as many wrong tokens from others.
 */
import { check, FUNCTION } from '../wire/argument.ts';

/** Wrong tokens from one address that cost nothing. */
export const WRONG_FREE = 10;
/** Wrong tokens that are remembered of one address. */
export const WRONG_MAX = 16;
/** One of them is forgotten in so much time. */
export const FORGET_MS = 10_000;
export const GAP_FIRST_MS = 250;
export const GAP_MAX_MS = 2_000;
export const WAIT_MAX_MS = 10_000;
/** Addresses that are remembered: some 2 MB of them. */
export const ADDRESSES_MAX = 10_000;

/** The tries of all addresses. */
export interface TokenTries {
  /** Takes the next turn of an address; answers in how many milliseconds it is, 0 for now, at most `WAIT_MAX_MS`. */
  readonly takeTurn: (address: string) => number;
  /** The token that was tried from there is nobody's. */
  readonly wrong: (address: string) => void;
  /** Addresses that are remembered, at most `ADDRESSES_MAX`. */
  readonly remembered: () => number;
}

interface TriedAddress {
  /** When the last of its wrong tokens is forgotten. */
  freeAt: number;
  /** When its last turn was, or will be. */
  lastTurn: number;
}

/**
 * @param now the time in milliseconds; one that is never set back.
 * @example
 * const tries = createTokenTries(() => performance.now());
 * for (let i = 0; i < WRONG_FREE; i++) tries.wrong('192.0.2.7');
 * tries.turn('192.0.2.7'); // 250
 * tries.turn('192.0.2.8'); // 0
 */
export function createTokenTries(now: () => number): TokenTries {
  check('createTokenTries: the clock', now, FUNCTION);
  /** In the order of their last wrong token, the longest ago first. */
  const entries = new Map<string, TriedAddress>();

  /** How many wrong tokens are remembered. One that is half forgotten counts as a whole one. */
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

  /** Two at a time: more than come in, and never many at once. */
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
