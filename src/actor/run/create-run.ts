/** Begins to serve a connection. */
import { asyncScheduler } from 'rxjs';
import type { Connection } from '../../transport/connection.ts';
import type { AnyActor } from '../actor.ts';
import { createMailbox } from '../mailbox.ts';
import { createAckDelay } from './ack-delay.ts';
import { createContext } from './context.ts';
import { ourSideEnded, overflow, unreachable } from './lifecycle.ts';
import { pause } from './pause.ts';
import { fail } from './queues.ts';
import { createReplyWriter } from './reply-writer.ts';
import type { ReportObserver, Run } from './run.ts';
import { createRunRecord } from './run-record.ts';
import type { ServeActorOptions } from './serve-actor-options.ts';
import { work } from './work.ts';

export function createRun(
  connection: Connection,
  actor: AnyActor,
  options: ServeActorOptions,
  observer: ReportObserver,
): Run {
  const { limits, budget, rounds, rateLimits, counters, scheduler = asyncScheduler } = options;
  const member = rounds.join(
    () => work(run),
    (waits) => onTurn(run, waits),
  );
  const inbound = createMailbox<unknown>({
    limits: limits.mailbox,
    arrived: () => member.wake(),
    keepsUp: () => !run.pausedBy.has('credit') && run.writer.pending() <= run.sendingMax,
    overflowed: () => overflow(run),
  });
  const window = budget.window(limits.window, (paused) => pause(run, 'credit', paused));
  const ackDelay = createAckDelay(scheduler, limits.quietPeriod, () => run.writer.flushHeld());
  const writer = createReplyWriter({
    connection,
    window,
    ackDelay,
    // What comes back only when the rest of a message has come.
    receiving: () => run.partialCredit + run.frameCost,
    sent: (bytes) => {
      counters.sent += bytes;
      run.sent += bytes;
    },
    failed: () => unreachable(run),
    ended: () => ourSideEnded(run),
  });
  const parts = {
    connection,
    actor,
    scheduler,
    observer,
    inbound,
    window,
    member,
    writer,
    ackDelay,
    room: options.rooms.join(),
  };
  const run = createRunRecord(parts, options);
  if (options.holder) options.holder.run = run;
  // A share may be in debt from the start, and then pauses the connection at once.
  run.rates = {
    bytes: rateLimits.bytes.join((paused) => pause(run, 'bytes', paused)),
    messages: rateLimits.messages.join((paused) => pause(run, 'messages', paused)),
  };
  run.context = createContext(run);
  callInitial(run);
  run.results.push({ event: { type: 'opened' }, settlement: null });
  return run;
}

/** Called when the connection begins to wait for its turn in the rounds, and when its turn has come. */
function onTurn(run: Run, waits: boolean): void {
  run.isWaiting = waits;
  if (waits) run.writer.flush();
  else pause(run, 'turn', false);
}

/** Makes the first state of the decoder, and that of the reducer. */
function callInitial(run: Run): void {
  const { actor, decoding } = run;
  try {
    decoding.state = actor.codec.decoder.initial(0);
    run.state = actor.initial(run.context.peer);
  } catch (thrown) {
    fail(run, thrown);
  }
}
