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
export interface Undecided {
  /** A RST came that may end it. */
  readonly begin: (talk: TcpConversation) => void;
  /** All that is emitted until `end` follows from that RST. */
  readonly decide: (talk: TcpConversation) => void;
  /** It is decided about. */
  readonly end: (talk: TcpConversation) => void;
}

export interface EventOrder extends Undecided {
  readonly emit: (event: StreamEvent) => void;
  /** The events that nothing can come before any more, oldest first. */
  readonly take: () => StreamEvent[];
  /** What is to be decided about at once, as too much waits behind it; null when that is not so. */
  readonly excess: () => TcpConversation | null;
}

/** Bytes that may wait, about. */
const MOST = 4 * 1024 * 1024;
/** What an event costs that waits, or a RST, besides its bytes, about. */
const COST = 256;

/** Events that lie between two RSTs, or follow from one. */
interface Run {
  readonly events: StreamEvent[];
  /** The conversation that is not decided about, whose events go here. */
  talk: TcpConversation | null;
  cost: number;
}

const createRun = (talk: TcpConversation | null): Run => ({ events: [], talk, cost: COST });

export function createEventOrder(most = MOST): EventOrder {
  let runs: Run[] = [createRun(null)];
  const begun = new Map<TcpConversation, Run>();
  /** Where events go that follow from a RST further up; null for the end of all. */
  let place: Run | null = null;
  let waiting = COST;

  function add(run: Run, event: StreamEvent, bytes: number): void {
    run.events.push(event);
    run.cost += COST + bytes;
    waiting += COST + bytes;
  }

  return {
    emit(event) {
      const run = place ?? runs.at(-1)!;
      if (begun.size === 0) run.events.push(event);
      else if (event.type !== 'chunk') add(run, event, 0);
      // A view keeps all of its block of the file alive, and the block may be read into again.
      else add(run, { ...event, bytes: new Uint8Array(event.bytes) }, event.bytes.length);
    },
    begin(talk) {
      const run = createRun(talk);
      begun.set(talk, run);
      runs.push(run, createRun(null));
      waiting += 2 * COST;
    },
    decide(talk) {
      place = begun.get(talk) ?? null;
    },
    end(talk) {
      place = null;
      const run = begun.get(talk);
      if (run === undefined) return;
      run.talk = null;
      begun.delete(talk);
    },
    take() {
      const undecided = runs.findIndex(({ talk }) => talk !== null);
      const ready = undecided === -1 ? runs : runs.slice(0, undecided);
      runs = undecided === -1 ? [createRun(null)] : runs.slice(undecided);
      waiting += undecided === -1 ? COST : 0;
      for (const { cost } of ready) waiting -= cost;
      return ready.flatMap(({ events }) => events);
    },
    excess: () => (waiting > most ? (begun.keys().next().value ?? null) : null),
  };
}
