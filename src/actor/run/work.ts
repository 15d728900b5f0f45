/** The work of a connection, when it is its turn: it reduces what is there, and decodes more. */
import {
  applyCredit,
  bytesFrom,
  charge,
  creditOf,
  lend,
  setFrameCost,
  settle,
  unreduced,
} from './event-credit.ts';
import { accepts, acceptsPeer, mustWaitForPeer, mustWaitToBegin } from './events.ts';
import { advance, afterEvent } from './lifecycle.ts';
import { pause } from './pause.ts';
import { chargeResult, fail, resumePulling } from './queues.ts';
import { hasRoomFor } from './room.ts';
import type { AnyEvent, Run, Settlement } from './run.ts';
import { canPull, hasBytes, releaseStep } from './slices.ts';

/** The events that are reduced before another connection may have its turn. */
const EVENTS_A_TURN = 256;

/** Does a piece of work. Returns whether there is more to do at once. */
export function work(run: Run): boolean {
  run.steps.shift()?.();
  let left = EVENTS_A_TURN;
  while (left > 0) {
    if (reduceNext(run)) {
      left--;
      continue;
    }
    applyCredit(run);
    if (!canPull(run)) break;
    run.pull();
  }
  applyCredit(run);
  const isAccepting = acceptsPeer(run);
  pause(run, 'actor', run.phase !== 'ending' && !isAccepting);
  if (isAccepting && unreduced(run) === 0) {
    releaseStep(run);
    // Before more of it comes: a connection that is paused for credit is read only when it has room.
    hasRoomFor(run);
  }
  run.ackDelay.setInFrame(run.inBody || run.partialCredit > 0);
  resumePulling(run);
  if (run.steps.length > 0 || (left === 0 && isAnythingLeft(run))) return true;
  // All that is ready at the end of the work leaves in one write.
  run.writer.flush();
  advance(run);
  return false;
}

const isAnythingLeft = (run: Run): boolean =>
  unreduced(run) > 0 ||
  hasBytes(run) ||
  run.results.length > 0 ||
  run.ends.length > 0 ||
  run.inbound.length() > 0;

/** Reduces the event that is next. Returns whether there was one. */
function reduceNext(run: Run): boolean {
  if (mustWaitForPeer(run)) return false;
  const result = run.results.shift();
  if (result !== undefined) {
    if (result.resultCredit) chargeResult(run, -result.resultCredit);
    reduce(run, result.event, result.settlement, 0);
    return true;
  }
  return run.isInputsTurn ? reduceInput(run) || reduceOfPeer(run) : reduceOfPeer(run) || reduceInput(run);
}

function reduceOfPeer(run: Run): boolean {
  const { fromPeer } = run;
  const { events, at, settlements } = fromPeer;
  const event = events[at];
  if (event === undefined) return false;
  // What is over is over, whether or not the actor takes more from the peer.
  const isOver = event.type === 'closed' || (event.type === 'fault' && run.ends.first()?.type === 'closed');
  if (!isOver && !acceptsPeer(run)) return false;
  if (event.type === 'start' && mustWaitToBegin(run)) return false;
  events[at] = undefined;
  fromPeer.at++;
  run.isInputsTurn = true;
  if (settlements === null && event.type === 'message') {
    run.messageMemory = event.memory ?? null;
    reduce(run, event, null, creditOf(event));
  } else {
    const settlement = settlements?.[at] ?? null;
    reduce(run, lend(run, event, settlement), settlement, 0);
  }
  return true;
}

function reduceInput(run: Run): boolean {
  if (run.inbound.length() === 0 || run.pausedBy.has('credit') || !accepts(run, 'input')) return false;
  const { input } = run.inbound.take()!;
  run.isInputsTurn = false;
  reduce(run, { type: 'input', input }, charge(run, 0), 0);
  return true;
}

/** Has the pipe reduce one event, and carry out its effects. */
function reduce(run: Run, event: AnyEvent, settlement: Settlement | null, messageCredit: number): void {
  if (event.type === 'start' || event.type === 'end') run.isReducingBody = event.type === 'start';
  run.settlement = settlement;
  run.messageCredit = messageCredit;
  run.reducer.next(event);
  // None of its effects has kept it.
  if (run.messageCredit > 0) run.creditChange -= messageCredit;
  else settle(run, run.settlement);
  run.messageCredit = 0;
  run.messageMemory = null;
  run.settlement = null;
  if (event.type === 'message' || event.type === 'start') run.counters.requests++;
  chargeState(run, event);
  afterEvent(run, event);
}

/** Charges for what the state keeps now. */
function chargeState(run: Run, event: AnyEvent): void {
  const { heldBytes } = run.actor;
  if (heldBytes === undefined || run.isBroken || run.phase === 'finished') return;
  let credit: number;
  try {
    credit = bytesFrom('heldBytes', heldBytes(run.state));
  } catch (thrown) {
    return fail(run, thrown);
  }
  const more = credit - run.stateCredit;
  run.stateCredit = credit;
  // What the state keeps of a message whose body is arriving must not keep the body from being read.
  if (event.type === 'start' && run.inBody && more > 0) setFrameCost(run, run.frameCost + more);
  if (more > 0) run.window.charge(more);
  else if (more < 0) run.window.credit(-more);
  if (more !== 0) run.window.setKept(credit);
  if (credit > run.stateBytesMax)
    fail(run, new RangeError(`the state keeps ${credit} bytes, and may keep ${run.stateBytesMax}`));
}
