/** Conversations that wait for something, each for so long of the recording's time and no longer. */
import { createOldestFirst } from './oldest-first.ts';
import type { TcpConversation } from './tcp-conversation.ts';

export interface TimeWaits {
  readonly add: (talk: TcpConversation) => void;
  readonly delete: (talk: TcpConversation) => void;
  /** One that has waited for too long, by the time of a packet. The first to be added is asked about. */
  readonly overdue: (time: bigint) => TcpConversation | null;
}

/**
 * @param patience nanoseconds. @param since when one that was added began to wait; it does not change while it waits.
 */
export function createTimeWaits(patience: bigint, since: (talk: TcpConversation) => bigint): TimeWaits {
  const waiting = createOldestFirst<TcpConversation>();
  let until: bigint | null = null;
  function look(): void {
    const oldest = waiting.oldest();
    until = oldest === undefined ? null : since(oldest) + patience;
  }
  return {
    add(talk) {
      waiting.add(talk);
      if (waiting.size === 1) look();
    },
    delete(talk) {
      const was = waiting.size;
      waiting.delete(talk);
      if (waiting.size < was) look();
    },
    overdue: (time) => (until !== null && time > until ? (waiting.oldest() ?? null) : null),
  };
}
