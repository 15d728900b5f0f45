/** Which conversations of a capture are meant. */
import { splitAddress } from '../../transport/address.ts';
import type { Address } from '../../transport/connection.ts';
import { check, either, TEXT, wholeFrom } from '../../wire/argument.ts';
import type { Conversation } from '../stream-event.ts';

/**
 * Which conversations count:
 *
 * - A number is a conversation's index.
 * - A string is an address of either end: `10.0.0.1:8080`, `[::1]:8080`; a port alone, `:8080`; or a host alone,
 *   `10.0.0.1`, `::1`.
 * - A function decides.
 * - Several of the first two mean any of them.
 */
export type Selection =
  | number
  | string
  | readonly (number | string)[]
  | ((conversation: Conversation) => boolean);

/** @example selects(':8080')(conversation) // true when either end has that port */
export function selects(only: Selection | undefined): (conversation: Conversation) => boolean {
  if (only === undefined) return () => true;
  if (typeof only === 'function') return only;
  if (Array.isArray(only)) for (const one of only) check('only: one of its list', one, ONE);
  else check('only', only, ONE);
  const any = typeof only === 'object' ? only : [only];
  return (conversation) => any.some((one) => matches(one, conversation));
}

const ONE = either(TEXT, wholeFrom(0));

function matches(one: number | string, { index, client, server }: Conversation): boolean {
  if (typeof one === 'number') return one === index;
  return isAt(one, client) || isAt(one, server);
}

function isAt(wanted: string, address: Address): boolean {
  if (wanted === address) return true;
  const { host, port } = splitAddress(address);
  if (wanted.startsWith(':') && !wanted.startsWith('::')) return wanted === `:${port}`;
  return wanted === host || `[${wanted}]` === host;
}
