/** The events of a log as an Observable, for a program that acknowledges each. */
import { Observable } from 'rxjs';
import type { ChangeEvent, ChangeFeed } from '../../store/changes/change-log.ts';
import { check, type Rule, TEXT, withMethods } from '../../wire/argument.ts';
import { deliver } from './deliver.ts';
import { DELIVERED, type DeliveryAnswer } from './sink.ts';

/** An event that waits to be acknowledged. */
export interface ChangeItem {
  /** What has happened. */
  readonly event: ChangeEvent;
  /** Says that the event was dealt with: it does not come again. Without it, it comes again to the next subscriber. */
  readonly ack: () => void;
}

export const CHANGE_LOG: Rule = {
  ...withMethods('a log of changes, such as openChangeLog opens', ['read', 'cursor', 'advance']),
  hint: (value) =>
    typeof (value as { readonly ok?: unknown } | null)?.ok === 'boolean'
      ? 'openChangeLog answers an outcome: check its `ok`, and give its `value`'
      : null,
};

/** Events that are emitted and not acknowledged, at the most. */
const UNACKNOWLEDGED_MAX = 64;

/**
 * Emits the events of a log, at least once each: to a new subscriber, from the first that was not acknowledged. Of the
 * events that share a name one is emitted when that before it was acknowledged, and of all no more than 64 wait for that.
 *
 * @param sink the name of the subscriber, which is one of the log's `sinks`.
 * @example
 * const log = await openChangeLog('uploads', { sinks: ['index'] });
 * if (!log.ok) throw new Error(log.error.message);
 * acknowledgedChanges(log.value, 'index').subscribe(({ event, ack }) => {
 *   console.log(event.type, event.name);
 *   ack();
 * });
 */
export function acknowledgedChanges(log: ChangeFeed, sink: string): Observable<ChangeItem> {
  check('acknowledgedChanges: the log', log, CHANGE_LOG);
  check('acknowledgedChanges: the name of the sink', sink, TEXT);
  return new Observable((subscriber) => {
    const emit = (event: ChangeEvent) =>
      new Promise<DeliveryAnswer>((resolve) => {
        subscriber.next({ event, ack: () => resolve(DELIVERED) });
      });
    const reports$ = deliver(log, { name: sink, concurrency: UNACKNOWLEDGED_MAX, deliver: emit });
    return reports$.subscribe();
  });
}
