/** Conversations that wait for something, each for so long of the recording's time and no longer. */
import { createOldestFirst } from './oldest-first.ts';
import type { TcpConversation } from './tcp-conversation.ts';

export interface TimeoutQueue {
  readonly add: (tcp: TcpConversation) => void;
  readonly delete: (tcp: TcpConversation) => void;
  /** One that has waited for too long, by the time of a packet. The first to be added is asked about. */
  readonly overdue: (time: bigint) => TcpConversation | null;
}

/**
 * @param timeout nanoseconds. @param since when one that was added began to wait; it does not change while it waits.
 */
export function createTimeoutQueue(timeout: bigint, since: (tcp: TcpConversation) => bigint): TimeoutQueue {
  const waiting = createOldestFirst<TcpConversation>();
  let deadline: bigint | null = null;
  function updateDeadline(): void {
    const oldest = waiting.oldest();
    deadline = oldest === undefined ? null : since(oldest) + timeout;
  }
  return {
    add(tcp) {
      waiting.add(tcp);
      if (waiting.size === 1) updateDeadline();
    },
    delete(tcp) {
      const was = waiting.size;
      waiting.delete(tcp);
      if (waiting.size < was) updateDeadline();
    },
    overdue: (time) => (deadline !== null && time > deadline ? (waiting.oldest() ?? null) : null),
  };
}
