/**
 * The actor around a session: frames in, effects out, results back in, for one connection.
 *
 *   chunks$ ──▶ deframe ──▶ inbox ──▶ reduce ──▶ perform ──▶ store
 *      ▲                      ▲                    │ │
 *      │ pause, resume        └────── results ◀────┘ └──▶ outbox ──▶ connection
 *      └───────── credit
 *
 * One event is reduced at a time, and its effects are handed out before the next one: a result that comes while
 * that happens waits its turn. Both queues are bounded by credit: the inbox holds events that have paid, and
 * each result answers an effect of a request that has.
 */
import { asyncScheduler, Observable, type SchedulerLike, Subject, type Subscription } from 'rxjs';
import { errorInfo } from '../protocol/errors.ts';
import { frameError } from '../protocol/frame-error.ts';
import type { Report } from '../session/effect.ts';
import type { SessionEvent } from '../session/event.ts';
import type { Session } from '../session/session.ts';
import type { Store } from '../store/contract.ts';
import type { Connection } from '../transport/connection.ts';
import { deframe } from '../wire/deframe.ts';
import type { FrameEvent } from '../wire/frame-event.ts';
import type { Framing } from '../wire/framing.ts';
import type { JsonHeader } from '../wire/json-header.ts';
import { type Budget, eventCost } from './credit.ts';
import { createFeed } from './feed.ts';
import type { Limits } from './limits.ts';
import { createOutbox } from './outbox.ts';
import { createPatience } from './patience.ts';
import { type Calls, createPerformer } from './perform.ts';
import { createQueue } from './queue.ts';

export interface AttendOptions {
  readonly session: Session;
  readonly framing: Framing<JsonHeader>;
  readonly store: Store;
  /** Shared by all connections of a server. */
  readonly budget: Budget;
  readonly limits: Pick<Limits, 'window' | 'silence' | 'linger'>;
  /** Performs the `call` effects of commands of your own. */
  readonly calls?: Calls;
  /** Emits when the server shuts down: what runs is finished, nothing new is taken. */
  readonly drain$?: Observable<unknown>;
  readonly scheduler?: SchedulerLike;
  /** Told of what should not have been thrown. */
  readonly bug?: (thrown: unknown) => void;
}

/** A header costs several times its bytes once it is parsed; hostile JSON (`[[],[],…`) up to some thirty times. */
const headerCost = 8;

/**
 * Serves one connection until it is over, and emits what happened in it. Completes when the connection is closed
 * and everything it began is finished. Never errors. Unsubscribing destroys the connection and aborts the put whose
 * body is still arriving; what was complete is still committed.
 */
export function attend(connection: Connection, options: AttendOptions): Observable<Report> {
  return new Observable((subscriber) => {
    const { session, limits, scheduler = asyncScheduler } = options;
    const inbox = createQueue<SessionEvent>();
    const results = createQueue<SessionEvent>();
    let state = session.initial;
    let working = false;
    let over = false;
    /** Bytes of the chunk at hand that went on as bodies. */
    let streamed = 0;
    let lingering: Subscription | null = null;
    const pausedBy = { credit: false, parked: false };
    const isListening = () => !pausedBy.credit && !pausedBy.parked;

    const window = options.budget.window(limits.window, (paused) => pause('credit', paused));
    const patience = createPatience(scheduler, limits.silence, () => outbox.silence());
    const outbox = createOutbox(connection, window, patience, () => {
      const last = state.requests.at(-1);
      return last?.receiving ? last.credit : 0;
    });
    const performer = createPerformer({
      store: options.store,
      connection,
      window,
      outbox,
      calls: options.calls ?? {},
      bug: options.bug ?? (() => {}),
      report: (report) => subscriber.next(report),
      idle: () => wake(),
      turn: setImmediate,
      result: (request, result) => {
        results.push({ type: 'result', request, result });
        if (!working) work();
      },
    });

    function pause(why: 'credit' | 'parked', paused: boolean): void {
      if (pausedBy[why] === paused) return;
      pausedBy[why] = paused;
      patience.listen(isListening());
      // What it held back may be enough to pause again.
      if (isListening()) feed.goOn();
      if (isListening()) connection.resume();
      else connection.pause();
    }

    function work(): void {
      working = true;
      for (;;) {
        const event = results.shift() ?? (session.accepts(state) ? inbox.shift() : undefined);
        if (event === undefined) break;
        const [next, effects] = session.reduce(state, event);
        state = next;
        for (const effect of effects) performer.perform(effect);
      }
      working = false;
      pause('parked', !session.accepts(state));
      patience.inFrame(state.inFrame);
      outbox.flush();
      if (state.phase === 'over') linger();
      if (state.phase === 'gone' && performer.underWay() === 0) finish();
    }

    function give(event: SessionEvent): void {
      if ('credit' in event) window.take(event.credit);
      inbox.push(event);
    }

    /** Our side is ended; a peer that goes on sending is listened to, but not forever. */
    function linger(): void {
      lingering ??= scheduler.schedule(() => connection.destroy(), limits.linger);
    }

    function finish(): void {
      if (over) return;
      over = true;
      lingering?.unsubscribe();
      patience.dispose();
      subscriber.complete();
    }

    function onFrame(frame: FrameEvent<JsonHeader>): void {
      switch (frame.type) {
        case 'data':
          streamed += frame.bytes.length;
          return give({ type: 'data', bytes: frame.bytes, credit: frame.bytes.length + eventCost });
        case 'start':
          return give({
            type: 'request',
            header: frame.header,
            body: frame.length,
            credit: frame.head * headerCost + eventCost,
          });
        case 'end':
          return give({ type: 'body-end' });
        case 'fault':
          return give({ type: 'fault', error: frameError(frame.fault) });
        case 'frame':
          // Requests are never delivered whole.
          return;
      }
    }

    const chunks$ = new Subject<Uint8Array>();
    const frames = chunks$.pipe(deframe(options.framing)).subscribe({
      next: onFrame,
      error: (thrown: unknown) => {
        options.bug?.(thrown);
        give({ type: 'fault', error: errorInfo('internal') });
      },
    });
    const wake = () => {
      if (!working) work();
    };
    const feed = createFeed(isListening, (bytes) => {
      streamed = 0;
      chunks$.next(bytes);
      // Heads were parsed or copied, and what came after the end is not wanted: only bodies are still looked at.
      connection.giveBack?.(bytes, bytes.length - streamed);
      wake();
    });
    // The end of input is an event in its place behind what came before it, and so is its breaking off.
    const ended = (event: SessionEvent) => {
      patience.release();
      feed.behind(() => {
        chunks$.complete();
        give(event);
        wake();
      });
      // What is held back may go now, whether or not that comes at once.
      wake();
    };
    const draining = options.drain$?.subscribe(() => {
      results.push({ type: 'drain' });
      wake();
    });
    const input = connection.chunks$.subscribe({
      next: (chunk) => {
        patience.heard();
        feed.chunk(chunk);
      },
      complete: () => ended({ type: 'ended' }),
      error: () => ended({ type: 'closed' }),
    });
    const closing = connection.closed$.subscribe(() => ended({ type: 'closed' }));

    return () => {
      draining?.unsubscribe();
      closing.unsubscribe();
      input.unsubscribe();
      frames.unsubscribe();
      if (over) return;
      connection.destroy();
      results.push({ type: 'closed' });
      wake();
    };
  });
}
