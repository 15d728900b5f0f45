/** Conversations written down by hand, as the stream events that a recording of them gives. */
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
/** When all of these recordings begin. */
export const began = 1_700_000_000n * second;

export interface Talk {
  readonly conversation: Conversation;
  readonly open: () => StreamEvent;
  /** The next bytes of a side, so many milliseconds after the beginning. `seen` is all of the other side unless given. */
  readonly say: (from: Side, bytes: Uint8Array | string, at?: number, seen?: number | null) => StreamEvent;
  readonly gap: (from: Side, length: number, reason?: GapReason) => StreamEvent;
  readonly end: (from: Side, at?: number) => StreamEvent;
  readonly reset: (from: Side, at?: number) => StreamEvent;
  readonly close: (reason?: CloseReason) => StreamEvent;
}

/** A conversation; the events must be taken in the order in which they were made. */
export function talk(index = 0, startedAt = 0, client = `10.0.0.1:${5000 + index}`): Talk {
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
    say: (from, said, when = last, seen = at[other[from]]) => {
      const bytes = typeof said === 'string' ? new TextEncoder().encode(said) : said;
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

/** A reading of events, one a batch unless they are given in batches; with what it throws behind them. */
export const readingOf = (events: readonly (StreamEvent | readonly StreamEvent[])[], fault?: unknown) =>
  async function* (): AsyncGenerator<readonly StreamEvent[]> {
    for (const batch of events) yield Array.isArray(batch) ? batch : [batch as StreamEvent];
    if (fault !== undefined) throw fault;
  };

export const emptyCapture = captureOf(new Uint8Array(0));
