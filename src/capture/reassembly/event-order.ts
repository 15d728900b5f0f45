/**
 * Puts events in the order of the packets, although the meaning of a RST is decided after later packets were read.
 *
 * ```text
 *   decided   open a, chunk a, │ RST of a │ open b, chunk b, … │ reset a, close a │ chunk b
 *   emitted   open a, chunk a, │ reset a, close a │ open b, chunk b, …            │ chunk b
 *                              └ later events wait until the RST is decided
 * ```
 */
import type { StreamEvent } from '../stream-event.ts';
import type { TcpConversation } from './tcp-conversation.ts';

/** Calls by which a reassembly reports conversations whose RST is undecided. */
export interface ResetDecisions {
  /** A RST came that may end the conversation. */
  readonly begin: (tcp: TcpConversation) => void;
  /** All events that are emitted until `end` follow from that RST. */
  readonly decide: (tcp: TcpConversation) => void;
  /** The RST is decided. */
  readonly end: (tcp: TcpConversation) => void;
}

export interface EventOrder extends ResetDecisions {
  readonly emit: (event: StreamEvent) => void;
  /** Takes the events that no other event can precede any more, oldest first. */
  readonly take: () => StreamEvent[];
  /**
   * The conversation that must be decided at once, because too many events wait behind its RST; null when none must.
   */
  readonly excess: () => TcpConversation | null;
}

/** Bytes that may wait, approximately. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** Approximate memory of a waiting event or RST, besides its bytes. */
const EVENT_COST_BYTES = 256;

/** Events between two RSTs, or events that follow from one. */
interface Run {
  readonly events: StreamEvent[];
  /** The undecided conversation whose events go here. */
  tcp: TcpConversation | null;
  cost: number;
}

const createRun = (tcp: TcpConversation | null): Run => ({ events: [], tcp, cost: EVENT_COST_BYTES });

export function createEventOrder(maxWaiting = WAITING_BYTES_MAX): EventOrder {
  let runs: Run[] = [createRun(null)];
  const undecidedRuns = new Map<TcpConversation, Run>();
  /** The run for events that follow from an earlier RST; null when events go to the last run. */
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
