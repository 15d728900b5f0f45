/** The credit of events: charged when they are queued, returned once, when all that follows from them has ended. */
import { memoryOf } from '../../base/memory-of.ts';
import { inWords } from '../../wire/argument.ts';
import { CREDIT_FLOOR_BYTES, EVENT_COST_BYTES } from '../bounds/credit.ts';
import type { AnyEvent, PeerEvents, Run, Settlement } from './run.ts';

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
  return { pending: 1, credit, lent: null, memory: null };
}

type MessageEvent = Extract<AnyEvent, { readonly type: 'message' }>;

/** The credit of a message while it waits and is reduced. */
export const creditOf = ({ cost }: MessageEvent): number =>
  EVENT_COST_BYTES + bytesFrom('the cost of a message', cost);

/** Charges what a step of the decoder has found: messages alone, as nearly always, all at once. */
export function charged(run: Run, events: AnyEvent[]): PeerEvents {
  let credit = 0;
  let most = 0;
  for (const event of events) {
    if (event.type !== 'message') return { events, at: 0, settlements: chargedEach(run, events) };
    const each = creditOf(event);
    credit += each;
    most = Math.max(most, each);
  }
  run.window.charge(credit);
  if (most > CREDIT_FLOOR_BYTES && isUsedUp(run))
    for (const [i, event] of events.entries())
      if (creditOf(event as MessageEvent) > CREDIT_FLOOR_BYTES) events[i] = exceeding(event);
  return { events, at: 0, settlements: null };
}

const exceeding = (event: AnyEvent): AnyEvent => Object.assign({ exceedsBudget: true } as const, event);

/** Whether the memory of all connections is used up, with what this one has charged. */
const isUsedUp = (run: Run): boolean => !run.window.fits(0);

/** The credit for the head of the message whose body is arriving: it does not keep the body from being read. */
export function setFrameCost(run: Run, cost: number): void {
  run.frameCost = cost;
  run.window.setFrameCost(cost);
}

function chargedEach(run: Run, events: AnyEvent[]): (Settlement | null)[] {
  const settlements: (Settlement | null)[] = [];
  try {
    for (const [i, event] of events.entries()) {
      const settlement = chargeOne(run, event);
      settlements.push(settlement);
      const isLong = event.type !== 'data' && settlement !== null && settlement.credit > CREDIT_FLOOR_BYTES;
      if (isLong && isUsedUp(run)) events[i] = exceeding(event);
    }
    return settlements;
  } catch (thrown) {
    // A codec says a cost that is none: no event of the step is reduced.
    for (const settlement of settlements) settle(run, settlement);
    throw thrown;
  }
}

function chargeOne(run: Run, event: AnyEvent): Settlement | null {
  switch (event.type) {
    case 'message':
      return charge(run, creditOf(event) - EVENT_COST_BYTES);
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
export function lend(run: Run, event: AnyEvent, settlement: Settlement | null): AnyEvent {
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
  if (run.messageCredit > 0) {
    run.settlement = keptMessage(run, run.messageCredit, run.messageMemory);
    run.messageCredit = 0;
  }
  if (run.settlement !== null) run.settlement.pending++;
  return run.settlement;
}

/** A message that is kept keeps all of the memory that it shares with others: that is charged once for all of them. */
function keptMessage(run: Run, credit: number, memory: ArrayBufferLike | null): Settlement {
  if (memory !== null) {
    run.sharedMemory ??= new Map();
    const others = run.sharedMemory.get(memory) ?? 0;
    if (others === 0) run.window.charge(memory.byteLength);
    run.sharedMemory.set(memory, others + 1);
  }
  return { pending: 1, credit, lent: null, memory };
}

function releaseMemory(run: Run, memory: ArrayBufferLike): void {
  const others = (run.sharedMemory?.get(memory) ?? 0) - 1;
  if (others > 0) {
    run.sharedMemory?.set(memory, others);
    return;
  }
  run.sharedMemory?.delete(memory);
  run.window.credit(memory.byteLength);
}

/** One thing that an event's credit was kept for has ended. */
export function settle(run: Run, settlement: Settlement | null): void {
  if (settlement === null || --settlement.pending > 0) return;
  const { lent, credit, memory } = settlement;
  if (lent !== null) run.connection.recycle?.(lent, lent.length);
  if (memory !== null) releaseMemory(run, memory);
  run.window.credit(credit);
  // When it was the last thing that could end a pause, held replies must not wait.
  if (run.window.paused()) run.member.wake();
}

/** Charges and returns what is due for the messages that were reduced and sent. */
export function applyCredit(run: Run): void {
  const { creditChange } = run;
  run.creditChange = 0;
  if (creditChange !== 0) run.window.charge(creditChange);
}

export const NO_EVENTS: PeerEvents = { events: [], at: 0, settlements: null };

/** The number of the peer's events that are not reduced. */
export const unreduced = ({ fromPeer: { events, at } }: Run): number => events.length - at;

/** The messages among them. */
export function messagesIn({ fromPeer: { events, settlements } }: Run): number {
  if (settlements === null) return events.length;
  let count = 0;
  for (const event of events) if (event?.type === 'message' || event?.type === 'start') count++;
  return count;
}

/** Adds an event that costs nothing behind the peer's events. */
export function addEvent(run: Run, event: AnyEvent): void {
  const { events, at } = run.fromPeer;
  const settlements = events.map((_, i) => (i < at ? null : settlementAt(run.fromPeer, i)));
  run.fromPeer = { events: [...events, event], at, settlements: [...settlements, null] };
}

function settlementAt({ events, settlements }: PeerEvents, at: number): Settlement | null {
  if (settlements !== null) return settlements[at] ?? null;
  return { pending: 1, credit: creditOf(events[at] as MessageEvent), lent: null, memory: null };
}

/** Returns the credit of the peer's events that will not be reduced. */
export function settleUnreduced(run: Run): void {
  const { fromPeer } = run;
  run.fromPeer = NO_EVENTS;
  for (let i = fromPeer.at; i < fromPeer.events.length; i++) settle(run, settlementAt(fromPeer, i));
}
