/**
 * The events of a sink that were read and are not all delivered, in their order: which may be delivered now. Of the events
 * that share a name only the first one may.
 */
import type { ChangeEvent } from '../../store/changes/change-log.ts';

export interface WindowItem {
  readonly event: ChangeEvent;
  /** A dead letter that is delivered once more. It stands before all others, and moves no cursor. */
  readonly isLetter: boolean;
  state: 'waiting' | 'running' | 'over';
  failures: number;
  /** When it was added; 0 for a dead letter. */
  readonly addedAt: number;
  /** When it may be tried again. */
  notBefore: number;
}

export interface DeliveryWindow {
  readonly size: number;
  add(event: ChangeEvent, isLetter: boolean, now: number): void;
  /**
   * The item that may be delivered at a time for longest. Those that fail again and again, each after a long time, would
   * else leave no turn to the ones behind them.
   */
  next(now: number): WindowItem | undefined;
  /** The earliest time, after now, at which an item that waits for its time may be delivered. */
  wakeAt(now: number): number;
  /** Has every item that waits for its time be tried again at a time that `at` answers, if that is earlier. */
  hurry(at: () => number): void;
  /** Takes the items at the beginning that are over; the last `sequence` of them, if they move the cursor. */
  passed(): number | undefined;
}

export function createDeliveryWindow(): DeliveryWindow {
  /** The caller bounds it. */
  let items: WindowItem[] = [];

  /** The items that no other one is before. */
  function* firsts(): Generator<WindowItem> {
    const names = new Set<string>();
    for (const item of items) {
      if (item.state === 'over') continue;
      const { name, from } = item.event;
      const isFirst = !names.has(name) && (from === undefined || !names.has(from));
      names.add(name);
      if (from !== undefined) names.add(from);
      if (isFirst && item.state === 'waiting') yield item;
    }
  }

  return {
    get size() {
      return items.length;
    },
    add(event, isLetter, now) {
      const addedAt = isLetter ? 0 : now;
      items.push({ event, isLetter, state: 'waiting', failures: 0, addedAt, notBefore: 0 });
    },
    next(now) {
      let longest: WindowItem | undefined;
      for (const item of firsts()) {
        if (item.notBefore > now) continue;
        if (longest === undefined || dueAt(item) < dueAt(longest)) longest = item;
      }
      return longest;
    },
    wakeAt(now) {
      let earliest = Number.POSITIVE_INFINITY;
      for (const { notBefore } of firsts()) if (notBefore > now) earliest = Math.min(earliest, notBefore);
      return earliest;
    },
    hurry(at) {
      for (const item of items) {
        if (item.state === 'waiting' && item.failures > 0) item.notBefore = Math.min(item.notBefore, at());
      }
    },
    passed() {
      let count = 0;
      let last: number | undefined;
      while (count < items.length && items[count]!.state === 'over') {
        const { event, isLetter } = items[count]!;
        if (!isLetter) last = event.sequence;
        count += 1;
      }
      if (count > 0) items = items.slice(count);
      return last;
    },
  };
}

const dueAt = ({ addedAt, notBefore }: WindowItem): number => Math.max(addedAt, notBefore);
