/** Makes the stream events of a recorded conversation, one by one. */
import { captureOf } from '../../../src/capture/capture.ts';
import type {
  CloseReason,
  Conversation,
  GapReason,
  Side,
  SideTotals,
  StreamEvent,
} from '../../../src/capture/stream-event.ts';

export const second = 1_000_000_000n;
/** The time at which all of these recordings begin, in nanoseconds since 1970. */
export const began = 1_700_000_000n * second;

export interface ConversationEvents {
  readonly conversation: Conversation;
  readonly open: () => StreamEvent;
  /**
   * The next bytes of a side. `at` is in milliseconds after the beginning. `seen` is by default all that the other side
   * has sent.
   */
  readonly send: (from: Side, bytes: Uint8Array | string, at?: number, seen?: number | null) => StreamEvent;
  readonly gap: (from: Side, length: number, reason?: GapReason) => StreamEvent;
  readonly end: (from: Side, at?: number) => StreamEvent;
  readonly reset: (from: Side, at?: number) => StreamEvent;
  readonly close: (reason?: CloseReason) => StreamEvent;
}

/** Makes the events of one conversation. The test must use them in the order in which it made them. */
export function conversationEvents(
  index = 0,
  startedAt = 0,
  client = `10.0.0.1:${5000 + index}`,
): ConversationEvents {
  const time = (at: number) => began + BigInt(Math.round(at * 1e6));
  const conversation: Conversation = {
    index,
    client,
    server: '10.0.0.2:8080',
    startedAt: time(startedAt),
    opening: 'syn',
  };
  const at = { client: 0, server: 0 };
  let last = startedAt;
  let packet = 0;
  const timed = (when: number) => {
    last = Math.max(last, when);
    return { capturedAt: time(when), deliverableAt: time(last), packet: ++packet };
  };
  const other = { client: 'server', server: 'client' } as const;
  const totals = (side: Side): SideTotals => ({
    packets: 0,
    bytes: at[side],
    missing: 0,
    retransmitted: 0,
    outOfOrder: 0,
  });
  return {
    conversation,
    open: () => ({ type: 'open', conversation }),
    send: (from, data, when = last, seen = at[other[from]]) => {
      const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
      const position = at[from];
      at[from] += bytes.length;
      return { type: 'chunk', conversation, from, position, bytes, seen, ...timed(when) };
    },
    gap: (from, length, reason = 'lost') => {
      const position = at[from];
      at[from] += length;
      return { type: 'gap', conversation, from, position, length, reason };
    },
    end: (from, when = last) => ({ type: 'end', conversation, from, position: at[from], ...timed(when) }),
    reset: (from, when = last) => ({ type: 'reset', conversation, from, position: at[from], ...timed(when) }),
    close: (reason = 'ended') => ({
      type: 'close',
      conversation,
      reason,
      endedAt: time(last),
      totals: { client: totals('client'), server: totals('server') },
    }),
  };
}

/** Gives events in batches: each alone, unless they are in an array. Throws `fault` behind them, if there is one. */
export const eventBatches = (events: readonly (StreamEvent | readonly StreamEvent[])[], fault?: unknown) =>
  async function* (): AsyncGenerator<readonly StreamEvent[]> {
    for (const batch of events) yield Array.isArray(batch) ? batch : [batch as StreamEvent];
    if (fault !== undefined) throw fault;
  };

export const emptyCapture = captureOf(new Uint8Array(0));
