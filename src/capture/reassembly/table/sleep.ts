/** Writes a conversation of which nothing waits into a record, and makes it anew of one. */
import type { CloseReason, Conversation } from '../../stream-event.ts';
import { type Direction, holdsBytes, type TcpConversation } from '../tcp-conversation.ts';
import { FIRST_WORD, LATEST_WORD, type Records, SECOND_WORD, STATE_INT, wordOf } from './records.ts';

/** The state in a record: where it is in here. */
const STATES: readonly (CloseReason | null)[] = [null, 'ended', 'reset', 'reused', 'evicted', 'unfinished'];

/**
 * Whether nothing waits in a conversation, or for it: then nobody else has it, and numbers are all that it is. A time
 * that 64 bits do not hold keeps it awake.
 */
export const isAtRest = (tcp: TcpConversation): boolean =>
  tcp.settled &&
  tcp.reset === null &&
  tcp.pendingAfterReset === null &&
  isTime(tcp.latest) &&
  isDirectionAtRest(tcp.first) &&
  isDirectionAtRest(tcp.second);

const isDirectionAtRest = (direction: Direction): boolean =>
  !holdsBytes(direction) && (!direction.hasDelivered || isTime(direction.latest));

const isTime = (time: bigint): boolean => BigInt.asIntN(64, time) === time;

export function writeRecord(records: Records, tcp: TcpConversation): void {
  const page = records.page(tcp.record);
  const word = wordOf(tcp.record);
  page.times[word + LATEST_WORD] = tcp.latest;
  page.ints[2 * word + STATE_INT] = STATES.indexOf(tcp.closeReason);
  tcp.first.writeTo(page, word + FIRST_WORD);
  tcp.second.writeTo(page, word + SECOND_WORD);
}

/** Makes a conversation of a record, out of any that nobody has. */
export function readRecord(
  tcp: TcpConversation,
  records: Records,
  record: number,
  conversation: Conversation,
): void {
  const page = records.page(record);
  const word = wordOf(record);
  tcp.index = conversation.index;
  tcp.startedAt = conversation.startedAt;
  tcp.conversation = conversation;
  tcp.record = record;
  tcp.latest = page.times[word + LATEST_WORD]!;
  tcp.settled = true;
  tcp.closeReason = STATES[page.ints[2 * word + STATE_INT]!]!;
  tcp.first.readFrom(page, word + FIRST_WORD);
  tcp.second.readFrom(page, word + SECOND_WORD);
}
