/**
 * Credit for a page of names, from the question to the store until the reply is written. Behind a file that the peer
 * does not read, that may take minutes.
 *
 * While the budget is used up a page is short. So every peer that lists goes on, and holds little.
 */
import { CREDIT_FLOOR_BYTES, type CreditWindow } from '../../actor/bounds/credit.ts';

/**
 * The cost of a file in a page as objects, with a name of ordinary length. The longest names cost four times as much.
 */
const NAME_BYTES = 512;
/** The most that a page costs: it is cut at 48 KiB of JSON. */
const PAGE_BYTES_MAX: number = 192 * 1024;
/** The names in a page while the budget is used up: they cost `CREDIT_FLOOR_BYTES`. */
export const NAMES_MIN: number = CREDIT_FLOOR_BYTES / NAME_BYTES;

/** The cost of a page of so many names. */
export const pageCost = (names: number): number => Math.min(names * NAME_BYTES, PAGE_BYTES_MAX);

/** Charges credit for a page of at most `wanted` names. Returns the number of names, and their cost. */
export function chargePage(
  window: Pick<CreditWindow, 'isFree' | 'charge'>,
  wanted: number,
): { readonly names: number; readonly credit: number } {
  const names = window.isFree(pageCost(wanted)) ? wanted : Math.min(wanted, NAMES_MIN);
  const credit = pageCost(names);
  window.charge(credit);
  return { names, credit };
}
