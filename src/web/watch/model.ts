/**
 * What the page shows of a server: what it says, and no more of the past than is drawn.
 *
 * ```text
 *  feed ──▶ opening, sample, connections ──▶ the state ──▶ at most one picture for each frame of the screen
 * ```
 *
 * The table has a frame of its own, behind what else has changed: both together would keep the page busy for longer.
 */
import { BehaviorSubject, type Observable } from 'rxjs';
import type {
  ConnectionRow,
  Point,
  ShownRefusal,
  WatchMessage,
  WatchOpening,
  WatchSample,
} from '../../files/protocol/watching.ts';
import type { Lost } from './feed.ts';
import { ConnectionRows, type RowFilter, type RowOrder } from './rows.ts';

/** Points that are drawn: ten minutes of them. */
const POINTS_MAX = 600;
const REFUSALS_MAX = 50;

export interface WatchState {
  /** `lost`: it is tried again. `refused`: it is not. */
  readonly is: 'connecting' | 'live' | 'lost' | 'refused';
  /** Why it was refused. */
  readonly why: string;
  readonly opening: WatchOpening | null;
  readonly sample: WatchSample | null;
  /** Oldest first. Another array when there is another point. */
  readonly points: readonly Point[];
  /** Newest first. */
  readonly refusals: readonly ShownRefusal[];
  readonly rows: readonly ConnectionRow[];
  /** The connections, also those that the filter leaves out. */
  readonly total: number;
  readonly order: RowOrder;
  readonly filter: RowFilter;
}

export interface WatchModel {
  readonly state$: Observable<WatchState>;
  readonly state: () => WatchState;
  readonly setOrder: (order: RowOrder) => void;
  readonly setFilter: (filter: RowFilter) => void;
  readonly stop: () => void;
}

const START: WatchState = {
  is: 'connecting',
  why: '',
  opening: null,
  sample: null,
  points: [],
  refusals: [],
  rows: [],
  total: 0,
  order: { by: 'rate', isDescending: true },
  filter: { text: '', isAtWork: false },
};

/** @param inFrame calls back when the screen is drawn next; not while nobody looks. */
export function createWatch(
  feed$: Observable<WatchMessage | Lost>,
  inFrame: (draw: () => void) => void = requestAnimationFrame,
): WatchModel {
  const state$ = new BehaviorSubject<WatchState>(START);
  const table = new ConnectionRows();
  let next: WatchState = START;
  let isAsked = false;
  let isTableDue = false;

  function change(by: Partial<WatchState>): void {
    next = { ...next, ...by };
    ask();
  }

  function changeTable(): void {
    isTableDue = true;
    ask();
  }

  function ask(): void {
    if (isAsked) return;
    isAsked = true;
    inFrame(draw);
  }

  function draw(): void {
    isAsked = false;
    if (next !== state$.value) state$.next(next);
    else if (isTableDue) {
      isTableDue = false;
      next = { ...next, rows: table.shown(), total: table.total };
      state$.next(next);
    }
    if (isTableDue) ask();
  }

  function arrange(order: RowOrder, filter: RowFilter): void {
    table.arrange(order, filter);
    change({ order, filter });
    changeTable();
  }

  const feed = feed$.subscribe((message) => {
    switch (message.type) {
      case 'opening':
        table.clear();
        changeTable();
        change({
          is: 'live',
          opening: message,
          points: message.history,
          refusals: message.refusals.toReversed(),
        });
        return;
      case 'sample':
        change({
          sample: message,
          points: [...next.points, message.point].slice(-POINTS_MAX),
          refusals: withFresh(next.refusals, message.refusals),
        });
        return;
      case 'connections':
        table.apply(message);
        changeTable();
        return;
      case 'refused':
        change({ is: 'refused', why: message.why });
        return;
      case 'lost':
        change({ is: 'lost' });
    }
  });
  return {
    state$: state$.asObservable(),
    state: () => state$.value,
    setOrder: (order) => arrange(order, next.filter),
    setFilter: (filter) => arrange(next.order, filter),
    stop: () => feed.unsubscribe(),
  };
}

/** One that came with the opening may come again with the first sample. */
function withFresh(before: readonly ShownRefusal[], fresh: readonly ShownRefusal[]): readonly ShownRefusal[] {
  const last = before[0]?.number ?? -1;
  const more = fresh.filter(({ number }) => number > last);
  return more.length === 0 ? before : [...more.toReversed(), ...before].slice(0, REFUSALS_MAX);
}
