/**
 * Delivers the events of a log to a sink, at least once each.
 *
 * Every sink goes at its own pace, from its own cursor. Events that share a name are delivered one after the other, in
 * their order; some of different names at once. What fails is tried again for ever, at random times that grow until the
 * sink takes something, and holds up its own names alone, until the window is full of what waits. What is refused goes to
 * the dead letters. Where several processes share a log, the one that holds the sink delivers.
 */
import { defer, EMPTY, Observable, of, type Subscriber, startWith, switchMap } from 'rxjs';
import { backoffDelay } from '../../base/backoff.ts';
import { messageOf } from '../../base/sluice-error.ts';
import type { ChangeEvent, ChangeFeed, DeadLetter } from '../../store/changes/change-log.ts';
import { createDeliveryWindow, type DeliveryWindow, type WindowItem } from './delivery-window.ts';
import { type DeliveryAnswer, type DeliveryReport, type EventSink, failed } from './sink.ts';

export interface DeliverOptions {
  /** A number from 0 to below 1; default `Math.random`. */
  readonly random?: () => number;
}

/** Events that are read and not passed. */
const WINDOW_MAX = 256;
const PAGE = 64;
const BACKOFF = { initial: 500, maximum: 60_000 };
/** Failures of one event that make its waits longer: up to four seconds. */
const OWN_FAILURES_MAX = 4;
/** Milliseconds in which all that waits is tried again, once the sink has taken something. */
const RECOVERED_MS = 5_000;
/** Milliseconds until the log is read again, when that failed. */
const READ_AGAIN_MS = 1000;

interface DeliveryState {
  readonly log: ChangeFeed;
  readonly sink: EventSink;
  readonly random: () => number;
  readonly subscriber: Subscriber<DeliveryReport>;
  readonly window: DeliveryWindow;
  readonly aborter: AbortController;
  /** The last event that was read. */
  readUpTo: number;
  /** Whether there may be more to read. */
  hasMore: boolean;
  isReading: boolean;
  running: number;
  /** Failures since the sink took something. */
  failures: number;
  /** Until then the sink wants nothing. */
  pausedUntil: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Delivers while it is subscribed, and emits what came of each try. It errors only with what should not have been thrown.
 * When the sink's cursor is moved, it begins there.
 */
export function deliver(
  log: ChangeFeed,
  sink: EventSink,
  { random = Math.random }: DeliverOptions = {},
): Observable<DeliveryReport> {
  const moved$ = new Observable<void>((subscriber) =>
    log.onMoved((name) => {
      if (name === sink.name) subscriber.next();
    }),
  );
  const delivering$ = moved$.pipe(
    startWith(undefined),
    switchMap(() => deliverFromCursor(log, sink, random)),
  );
  return defer(() => {
    const held$ = log.held?.(sink.name) ?? of(true);
    return held$.pipe(switchMap((isHeld) => (isHeld ? delivering$ : EMPTY)));
  });
}

const deliverFromCursor = (log: ChangeFeed, sink: EventSink, random: () => number) =>
  new Observable<DeliveryReport>((subscriber) => {
    const state: DeliveryState = {
      ...{ log, sink, random, subscriber, window: createDeliveryWindow(), aborter: new AbortController() },
      ...{
        readUpTo: log.cursor(sink.name),
        hasMore: true,
        isReading: false,
        running: 0,
        failures: 0,
        pausedUntil: 0,
      },
      timer: undefined,
    };
    const stopListening = log.onAppended(() => {
      state.hasMore = true;
      goOn(state);
    });
    void readLetters(state);
    return () => {
      stopListening();
      clearTimeout(state.timer);
      state.aborter.abort();
    };
  });

/** Dead letters come first: they are older than all that waits. */
async function readLetters(state: DeliveryState): Promise<void> {
  state.isReading = true;
  let letters: readonly DeadLetter[];
  try {
    letters = await state.log.deadLetters(state.sink.name);
  } catch {
    setTimeout(() => {
      if (!state.subscriber.closed) void readLetters(state);
    }, READ_AGAIN_MS).unref();
    return;
  }
  for (const { event, again } of letters) if (again) state.window.add(event, true, Date.now());
  state.isReading = false;
  goOn(state);
}

/** Does what can be done now, and waits for the rest. */
function goOn(state: DeliveryState): void {
  const { log, sink, window, subscriber } = state;
  if (subscriber.closed) return;
  const passed = window.passed();
  if (passed !== undefined) log.advance(sink.name, passed);
  if (state.hasMore && !state.isReading && window.size < WINDOW_MAX) void read(state);
  const now = Date.now();
  while (now >= state.pausedUntil && state.running < sink.concurrency) {
    const item = window.next(now);
    if (item === undefined) break;
    void deliverItem(state, item);
  }
  clearTimeout(state.timer);
  if (state.running === sink.concurrency) return;
  const wakeAt = now < state.pausedUntil ? state.pausedUntil : window.wakeAt(now);
  if (wakeAt !== Number.POSITIVE_INFINITY) state.timer = setTimeout(goOn, wakeAt - now, state);
}

async function read(state: DeliveryState): Promise<void> {
  const { log, window } = state;
  state.isReading = true;
  state.hasMore = false;
  let events: readonly ChangeEvent[];
  try {
    events = await log.read(state.readUpTo, PAGE);
  } catch {
    setTimeout(() => {
      state.isReading = false;
      state.hasMore = true;
      goOn(state);
    }, READ_AGAIN_MS).unref();
    return;
  }
  for (const event of events) {
    window.add(event, false, Date.now());
    state.readUpTo = event.sequence;
  }
  state.isReading = false;
  if (events.length > 0) state.hasMore = true;
  goOn(state);
}

async function deliverItem(state: DeliveryState, item: WindowItem): Promise<void> {
  const { sink, subscriber, aborter } = state;
  const { event } = item;
  item.state = 'running';
  state.running += 1;
  const answer = await sink
    .deliver(event, aborter.signal)
    .catch((thrown: unknown) => failed(messageOf(thrown)))
    .then((given) => (subscriber.closed ? given : entered(state, item, given)));
  if (subscriber.closed) return;
  state.running -= 1;
  const report = { type: answer.type, sink: sink.name, event, attempt: item.failures + 1 };
  if (answer.type === 'failed') {
    item.failures += 1;
    state.failures += 1;
    item.state = 'waiting';
    const { afterMs = 0, reason } = answer;
    // Never at once: a sink that fails at once would be all that this process does.
    const nextMs = Math.max(1, afterMs, backoffDelay(failuresOf(state, item), BACKOFF, state.random()));
    const now = Date.now();
    item.notBefore = now + nextMs;
    if (afterMs > 0) state.pausedUntil = Math.max(state.pausedUntil, now + afterMs);
    subscriber.next({ ...report, reason, nextMs });
  } else {
    item.state = 'over';
    state.failures = 0;
    const now = Date.now();
    state.window.hurry(() => now + state.random() * RECOVERED_MS);
    subscriber.next(answer.type === 'refused' ? { ...report, reason: answer.reason } : report);
  }
  goOn(state);
}

/** Those of an event count for much only while the sink takes nothing else either. */
const failuresOf = (state: DeliveryState, item: WindowItem): number =>
  Math.min(item.failures, Math.max(state.failures, OWN_FAILURES_MAX));

/** Enters an answer in the dead letters, where it is about them. What cannot be entered is tried again. */
async function entered(
  { log, sink }: DeliveryState,
  { event, isLetter }: WindowItem,
  answer: DeliveryAnswer,
): Promise<DeliveryAnswer> {
  if (answer.type === 'failed' || (answer.type === 'delivered' && !isLetter)) return answer;
  const outcome =
    answer.type === 'refused'
      ? await log.bury(sink.name, event, answer.reason)
      : await log.forget(sink.name, event.id);
  if (outcome.ok) return answer;
  const why = answer.type === 'refused' ? `${answer.reason}; ` : '';
  return failed(`${why}${outcome.error.message}`);
}
