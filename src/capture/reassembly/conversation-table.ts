/**
 * All conversations, by their flows and in the order of their last packets.
 *
 * ```text
 *  open    oldest ⇄ … ⇄ newest     at most `maxConversations`; a packet moves its conversation to the end
 *  closed  oldest ⇄ … ⇄ newest     at most `CLOSED_MAX`, so that late segments do not open a new conversation
 * ```
 */
import type { Direction, TcpConversation } from './tcp-conversation.ts';

/** Closed conversations that the table remembers, as TIME-WAIT does. */
const CLOSED_MAX = 16_384;

export interface ConversationTable {
  find(flow: string): Direction | undefined;
  /** Adds an open conversation as the newest. */
  add(tcp: TcpConversation): void;
  /** Makes an open conversation the newest. */
  touch(tcp: TcpConversation): void;
  /** When too many are open: the one whose last packet is the oldest. */
  excess(): TcpConversation | null;
  /** Moves a conversation to the closed ones, or forgets it. Returns the closed one that is forgotten to make room. */
  close(tcp: TcpConversation, remember: boolean): TcpConversation | null;
  /** Forgets a closed conversation, because another one has its flows now. */
  forget(tcp: TcpConversation): void;
  /** The open conversations, by their index. */
  open(): readonly TcpConversation[];
}

interface List {
  oldest: TcpConversation | null;
  newest: TcpConversation | null;
  size: number;
}

export function createConversationTable(maxOpen: number): ConversationTable {
  const flows = new Map<string, Direction>();
  const live: List = { oldest: null, newest: null, size: 0 };
  const closed: List = { oldest: null, newest: null, size: 0 };
  /** The direction that was found last: packets of one flow come in runs. */
  let last: Direction | undefined;

  const drop = ({ first, second }: TcpConversation): void => {
    last = undefined;
    flows.delete(first.flow);
    flows.delete(second.flow);
  };

  return {
    find(flow) {
      if (last !== undefined) {
        if (last.flow === flow) return last;
        if (last.peer.flow === flow) {
          last = last.peer;
          return last;
        }
      }
      const found = flows.get(flow);
      if (found !== undefined) last = found;
      return found;
    },
    add(tcp) {
      // The first direction goes in last: with one address and port at both ends, the two flows are equal.
      flows.set(tcp.second.flow, tcp.second);
      flows.set(tcp.first.flow, tcp.first);
      last = tcp.first;
      append(live, tcp);
    },
    touch(tcp) {
      if (live.newest === tcp) return;
      remove(live, tcp);
      append(live, tcp);
    },
    excess: () => (live.size > maxOpen ? live.oldest : null),
    close(tcp, remember) {
      remove(live, tcp);
      if (!remember) {
        drop(tcp);
        return null;
      }
      append(closed, tcp);
      if (closed.size <= CLOSED_MAX) return null;
      const { oldest } = closed;
      remove(closed, oldest!);
      drop(oldest!);
      return oldest;
    },
    forget(tcp) {
      remove(closed, tcp);
      drop(tcp);
    },
    open() {
      const conversations: TcpConversation[] = [];
      for (let tcp = live.oldest; tcp !== null; tcp = tcp.newer) conversations.push(tcp);
      return conversations.sort((a, b) => a.index - b.index);
    },
  };
}

function append(list: List, tcp: TcpConversation): void {
  tcp.older = list.newest;
  tcp.newer = null;
  if (list.newest === null) list.oldest = tcp;
  else list.newest.newer = tcp;
  list.newest = tcp;
  list.size++;
}

function remove(list: List, tcp: TcpConversation): void {
  if (tcp.older === null) list.oldest = tcp.newer;
  else tcp.older.newer = tcp.newer;
  if (tcp.newer === null) list.newest = tcp.older;
  else tcp.newer.older = tcp.older;
  list.size--;
}
