/** The credit of events: charged when they are queued, returned once, when all that follows from them has ended. */
import { memoryOf } from '../base/memory-of.ts';
import { CREDIT_FLOOR_BYTES, EVENT_COST_BYTES } from '../runtime/credit.ts';
import { inWords } from '../wire/argument.ts';
import type { AnyEvent, QueuedEvent, Run, Settlement } from './run.ts';

/**
 * The bytes that a function of the actor or of its codec has answered: a number that is none would be added to the
 * credit of all connections, and never be taken off again.
 *
 * @throws a RangeError that names the function.
 */
export function bytesFrom(what: string, bytes: number): number {
  if (Number.isFinite(bytes) && bytes >= 0) return bytes;
  throw new RangeError(`${what} must be a number of bytes from 0, and is ${inWords(bytes)}`);
}

/** Charges an event for the memory that it takes. */
export function charge(run: Run, cost: number): Settlement {
  const credit = EVENT_COST_BYTES + cost;
  run.window.charge(credit);
  return { pending: 1, credit, lent: null };
}

/** The credit for the head of the message whose body is arriving: it does not keep the body from being read. */
export function setFrameCost(run: Run, cost: number): void {
  run.frameCost = cost;
  run.window.setFrameCost(cost);
}

/** Whether an event costs so much that it should be refused, since the memory of all connections is used up. */
export const exceedsBudget = (run: Run, { credit }: Settlement): boolean =>
  // It is charged already.
  credit > CREDIT_FLOOR_BYTES && !run.window.fits(0);

/** Charges an event of the peer. */
export function paid(run: Run, event: AnyEvent): Settlement | null {
  switch (event.type) {
    case 'message':
      return charge(run, bytesFrom('the cost of a message', event.cost));
    case 'data':
      return charge(run, event.bytes.length);
    case 'start': {
      const settlement = charge(run, memoryOf(event.head));
      // The body must be read whatever the connection holds.
      setFrameCost(run, settlement.credit);
      run.inBody = true;
      return settlement;
    }
    case 'end':
      setFrameCost(run, 0);
      run.inBody = false;
      return null;
    default:
      return null;
  }
}

/**
 * The event as the reducer gets it. A piece of a body is lent until its event has settled. It is copied when it is a
 * small part of what it would keep in memory.
 */
export function lend(run: Run, { event, settlement }: QueuedEvent): AnyEvent {
  if (event.type !== 'data') return event;
  run.bodies += event.bytes.length;
  const bytes = detached(run, event.bytes);
  if (settlement !== null && bytes === event.bytes) settlement.lent = bytes;
  return { type: 'data', bytes };
}

/**
 * The least bytes of a body that are kept where they were received. Fewer bytes are copied when two things are true:
 * most of the memory around them may belong to something else, which costs nothing, and the connection holds some
 * memory like that already. Else a body of one byte would keep everything in memory that came around it. A file that
 * is stored at once is never copied.
 */
const KEPT_BYTES_MIN: number = 32 * 1024;

const isSmallPart = (bytes: Uint8Array): boolean =>
  bytes.length < KEPT_BYTES_MIN && bytes.length * 2 < bytes.buffer.byteLength;

function detached(run: Run, bytes: Uint8Array): Uint8Array {
  if (!isSmallPart(bytes) || !(run.connection.pinsMemory?.() ?? true)) return bytes;
  run.connection.recycle?.(bytes, bytes.length);
  return new Uint8Array(bytes);
}

/** Keeps the credit of the event that is being reduced until `settle` is called as often as `hold`. */
export function hold(run: Run): Settlement | null {
  if (run.settlement !== null) run.settlement.pending++;
  return run.settlement;
}

/** One thing that an event's credit was kept for has ended. */
export function settle(run: Run, settlement: Settlement | null): void {
  if (settlement === null || --settlement.pending > 0) return;
  const { lent, credit } = settlement;
  if (lent !== null) run.connection.recycle?.(lent, lent.length);
  run.window.credit(credit);
  // When it was the last thing that could end a pause, held replies must not wait.
  if (run.window.paused()) run.member.wake();
}

/** Returns the credit of the peer's events that will not be reduced. */
export function settleUnreduced(run: Run): void {
  for (let queued = run.fromPeer.shift(); queued !== undefined; queued = run.fromPeer.shift())
    settle(run, queued.settlement);
}
