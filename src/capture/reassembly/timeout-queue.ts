/** A queue of conversations that wait, with one timeout in the recording's time for all of them. */
import { createOldestFirst } from './oldest-first.ts';
import type { TcpConversation } from './tcp-conversation.ts';

export interface TimeoutQueue {
  readonly add: (tcp: TcpConversation) => void;
  readonly delete: (tcp: TcpConversation) => void;
  /** A conversation that has waited too long at the time of a packet; the one added first is checked first. */
  readonly overdue: (time: bigint) => TcpConversation | null;
}

/**
 * @param timeout nanoseconds. @param since when a conversation began to wait; must not change while it waits.
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
