/** What a list says of one conversation, and the columns by which it can be sorted. */
import { InvalidArgumentError } from 'commander';
import { nearest } from '../../../base/nearest.ts';
import type { CloseReason, Conversation, Side } from '../../../capture/stream-event.ts';

/** Counts of one side. */
export interface ListedSide {
  bytes: number;
  frames: number;
}

export interface Listed extends Readonly<Record<Side, ListedSide>> {
  readonly conversation: Conversation;
  /** How its frames were found; null when there are none. */
  protocol: string | null;
  faults: number;
  gaps: number;
  endedAt: bigint;
  /** Null while it is open. */
  closed: CloseReason | null;
}

export const newlyListed = (conversation: Conversation): Listed => ({
  conversation,
  protocol: null,
  client: { bytes: 0, frames: 0 },
  server: { bytes: 0, frames: 0 },
  faults: 0,
  gaps: 0,
  endedAt: conversation.startedAt,
  closed: null,
});

export const durationOf = ({ conversation, endedAt }: Listed): bigint => endedAt - conversation.startedAt;

/** The value of each column that rows are compared by. */
const COLUMNS = {
  number: ({ conversation }) => conversation.index,
  protocol: ({ protocol }) => protocol ?? '',
  client: ({ conversation }) => conversation.client,
  server: ({ conversation }) => conversation.server,
  start: ({ conversation }) => conversation.startedAt,
  duration: durationOf,
  bytes: ({ client, server }) => client.bytes + server.bytes,
  'client-bytes': ({ client }) => client.bytes,
  'server-bytes': ({ server }) => server.bytes,
  frames: ({ client, server }) => client.frames + server.frames,
  'client-frames': ({ client }) => client.frames,
  'server-frames': ({ server }) => server.frames,
  faults: ({ faults }) => faults,
  gaps: ({ gaps }) => gaps,
} as const satisfies Readonly<Record<string, (listed: Listed) => number | bigint | string>>;

export const columnNames: readonly string[] = Object.keys(COLUMNS);

/** Compares rows as `Array.sort` wants it; of equals the one with the lower number comes first. */
export type ListOrder = (one: Listed, other: Listed) => number;

/** Parses the name of a column, with `-` in front for the greatest first. */
export function listOrder(text: string): ListOrder {
  const name = text.toLowerCase().replace(/^-/, '');
  const descending = text.startsWith('-');
  if (!Object.hasOwn(COLUMNS, name)) {
    const near = nearest(name, columnNames);
    const hint = near === undefined ? '' : `Did you mean ${near}? `;
    throw new InvalidArgumentError(`${hint}The columns are ${columnNames.join(', ')}.`);
  }
  const keyOf = COLUMNS[name as keyof typeof COLUMNS];
  return (one, other) => {
    const order = compared(keyOf(one), keyOf(other));
    return (descending ? -order : order) || one.conversation.index - other.conversation.index;
  };
}

function compared(one: number | bigint | string, other: number | bigint | string): number {
  if (typeof one === 'string') return inOrder.compare(one, String(other));
  const [a, b] = [one, other as number | bigint];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Addresses such as 10.0.0.9 and 10.0.0.10 are in the order of their numbers. */
const inOrder = new Intl.Collator('en', { numeric: true });
