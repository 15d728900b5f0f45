/**
 * Events in the order of the packets, though what a RST means is known later than what others said in the meantime.
 *
 * ```text
 *   decided   open a, chunk a, │ RST of a │ open b, chunk b, … │ reset a, close a │ chunk b
 *   emitted   open a, chunk a, │ reset a, close a │ open b, chunk b, …            │ chunk b
 *                              └ what is behind it waits until then
 * ```
 */
import type { StreamEvent } from '../stream-event.ts';
import type { TcpConversation } from './tcp-conversation.ts';

/** What a machine tells of the conversations it cannot decide about yet. */
export interface ResetDecisions {
  /** A RST came that may end it. */
  readonly begin: (tcp: TcpConversation) => void;
  /** All that is emitted until `end` follows from that RST. */
  readonly decide: (tcp: TcpConversation) => void;
  /** It is decided about. */
  readonly end: (tcp: TcpConversation) => void;
}

export interface EventOrder extends ResetDecisions {
  readonly emit: (event: StreamEvent) => void;
  /** The events that nothing can come before any more, oldest first. */
  readonly take: () => StreamEvent[];
  /** What is to be decided about at once, as too much waits behind it; null when that is not so. */
  readonly excess: () => TcpConversation | null;
}

/** Bytes that may wait, about. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** What an event costs that waits, or a RST, besides its bytes, about. */
const EVENT_COST_BYTES = 256;

/** Events that lie between two RSTs, or follow from one. */
interface Run {
  readonly events: StreamEvent[];
  /** The conversation that is not decided about, whose events go here. */
  tcp: TcpConversation | null;
  cost: number;
}

const createRun = (tcp: TcpConversation | null): Run => ({ events: [], tcp, cost: EVENT_COST_BYTES });

export function createEventOrder(maxWaiting = WAITING_BYTES_MAX): EventOrder {
  let runs: Run[] = [createRun(null)];
  const undecidedRuns = new Map<TcpConversation, Run>();
  /** Where events go that follow from a RST further up; null for the end of all. */
  let target: Run | null = null;
  let waiting = EVENT_COST_BYTES;

  function add(run: Run, event: StreamEvent, bytes: number): void {
    run.events.push(event);
    run.cost += EVENT_COST_BYTES + bytes;
    waiting += EVENT_COST_BYTES + bytes;
  }

  return {
    emit(event) {
      const run = target ?? runs.at(-1)!;
      if (undecidedRuns.size === 0) run.events.push(event);
      else if (event.type !== 'chunk') add(run, event, 0);
      // A view keeps all of its block of the file alive, and the block may be read into again.
      else add(run, { ...event, bytes: new Uint8Array(event.bytes) }, event.bytes.length);
    },
    begin(tcp) {
      const run = createRun(tcp);
      undecidedRuns.set(tcp, run);
      runs.push(run, createRun(null));
      waiting += 2 * EVENT_COST_BYTES;
    },
    decide(tcp) {
      target = undecidedRuns.get(tcp) ?? null;
    },
    end(tcp) {
      target = null;
      const run = undecidedRuns.get(tcp);
      if (run === undefined) return;
      run.tcp = null;
      undecidedRuns.delete(tcp);
    },
    take() {
      const undecided = runs.findIndex(({ tcp }) => tcp !== null);
      const ready = undecided === -1 ? runs : runs.slice(0, undecided);
      runs = undecided === -1 ? [createRun(null)] : runs.slice(undecided);
      waiting += undecided === -1 ? EVENT_COST_BYTES : 0;
      for (const { cost } of ready) waiting -= cost;
      return ready.flatMap(({ events }) => events);
    },
    excess: () => (waiting > maxWaiting ? (undecidedRuns.keys().next().value ?? null) : null),
  };
}
