/**
 * What a page of names costs, from when it is asked for until its reply is written: behind a file that the peer does not
 * read it may wait for minutes.
 *
 * While the budget is used up a page is short, so that everybody who lists goes on, and holds little.
 */
import { CREDIT_FLOOR_BYTES, type CreditWindow } from './credit.ts';

/** A name of an ordinary length and what is told of its file, as objects. Names of the greatest length cost four times as much. */
const NAME_BYTES = 512;
/** A page is cut at 48 KiB of JSON, and as objects that is at most so much. */
const PAGE_BYTES_MAX: number = 192 * 1024;
/** Names of a page while the budget is used up: they cost `FLOOR_BYTES`. */
export const NAMES_MIN: number = CREDIT_FLOOR_BYTES / NAME_BYTES;

const costOf = (names: number): number => Math.min(names * NAME_BYTES, PAGE_BYTES_MAX);

/** Takes credit for a page of at most `wanted` names; answers for how many, and what they cost. */
export function chargePage(
  window: Pick<CreditWindow, 'isFree' | 'charge'>,
  wanted: number,
): { readonly names: number; readonly credit: number } {
  const names = window.isFree(costOf(wanted)) ? wanted : Math.min(wanted, NAMES_MIN);
  const credit = costOf(names);
  window.charge(credit);
  return { names, credit };
}
