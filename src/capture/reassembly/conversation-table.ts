/**
 * All conversations by their flows, in the order of their silence.
 *
 * ```text
 *  open    oldest ⇄ … ⇄ newest     at most `maxConversations`; a packet moves its conversation to the end
 *  closed  oldest ⇄ … ⇄ newest     at most `REMEMBERED`, so that what still comes of them opens no new one
 * ```
 */
import type { Direction, TcpConversation } from './tcp-conversation.ts';

/** Conversations that are remembered after they were closed, as TIME-WAIT does. */
const REMEMBERED = 16_384;

export interface ConversationTable {
  find(flow: string): Direction | undefined;
  /** Adds an open conversation as the newest. */
  add(talk: TcpConversation): void;
  /** Makes an open conversation the newest. */
  touch(talk: TcpConversation): void;
  /** The open conversation that was silent for the longest, when there are too many. */
  excess(): TcpConversation | null;
  /** Moves a conversation to those that are closed, or forgets it. Answers which closed one is forgotten for it. */
  close(talk: TcpConversation, remember: boolean): TcpConversation | null;
  /** Forgets a closed conversation: its flows are another's now. */
  forget(talk: TcpConversation): void;
  /** Those that are open, by their index. */
  open(): readonly TcpConversation[];
}

interface List {
  oldest: TcpConversation | null;
  newest: TcpConversation | null;
  size: number;
}

export function createConversationTable(most: number): ConversationTable {
  const flows = new Map<string, Direction>();
  const live: List = { oldest: null, newest: null, size: 0 };
  const closed: List = { oldest: null, newest: null, size: 0 };
  /** The last one that was found: packets come in runs. */
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
    add(talk) {
      // The first direction last: with one address and port at both ends, the flows are the same.
      flows.set(talk.second.flow, talk.second);
      flows.set(talk.first.flow, talk.first);
      last = talk.first;
      append(live, talk);
    },
    touch(talk) {
      if (live.newest === talk) return;
      remove(live, talk);
      append(live, talk);
    },
    excess: () => (live.size > most ? live.oldest : null),
    close(talk, remember) {
      remove(live, talk);
      if (!remember) {
        drop(talk);
        return null;
      }
      append(closed, talk);
      if (closed.size <= REMEMBERED) return null;
      const { oldest } = closed;
      remove(closed, oldest!);
      drop(oldest!);
      return oldest;
    },
    forget(talk) {
      remove(closed, talk);
      drop(talk);
    },
    open() {
      const talks: TcpConversation[] = [];
      for (let talk = live.oldest; talk !== null; talk = talk.newer) talks.push(talk);
      return talks.sort((a, b) => a.index - b.index);
    },
  };
}

function append(list: List, talk: TcpConversation): void {
  talk.older = list.newest;
  talk.newer = null;
  if (list.newest === null) list.oldest = talk;
  else list.newest.newer = talk;
  list.newest = talk;
  list.size++;
}

function remove(list: List, talk: TcpConversation): void {
  if (talk.older === null) list.oldest = talk.newer;
  else talk.older.newer = talk.newer;
  if (talk.newer === null) list.newest = talk.older;
  else talk.newer.older = talk.older;
  list.size--;
}
