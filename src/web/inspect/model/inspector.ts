/** What is shown of a recording: which conversations, which of them is drawn, which part of it, and what is selected. */
import { BehaviorSubject, type Observable } from 'rxjs';
import { type ConversationView, viewOf } from './conversation-view.ts';
import type { Item, ItemKind } from './items.ts';
import { itemSpan, layoutOf } from './layout.ts';
import { EVERYTHING, type ListFilter, listed } from './list.ts';
import { notableConversation, notableItem, rankOf } from './notable.ts';
import { type ConversationRecord, noRecording, type Recording } from './recording.ts';
import { look, overall, type Unit, type View } from './scale.ts';
import type { Hit } from './search.ts';

export interface SearchState {
  readonly query: string;
  readonly hits: readonly Hit[];
  /** The index of the hit that is shown; -1 when none is. */
  readonly hit: number;
  /** Whether all was looked at. */
  readonly isOver: boolean;
}

export const NO_SEARCH: SearchState = { query: '', hits: [], hit: -1, isOver: true };

export interface InspectorState {
  readonly recording: Recording;
  readonly filter: ListFilter;
  /** The conversations that the filter leaves, in its order. */
  readonly list: readonly ConversationRecord[];
  readonly conversation: ConversationView | null;
  readonly view: View;
  readonly selected: Item | null;
  readonly hovered: Item | null;
  readonly search: SearchState;
  /** The width of the drawing, in pixels. */
  readonly width: number;
  /** Whether somebody has chosen what is shown: until then it is where there is something to see. */
  readonly isChosen: boolean;
  /** How telling what is shown was when it was: see `rankOf`. */
  readonly rank: number;
}

export interface Inspector {
  readonly state$: Observable<InspectorState>;
  readonly state: () => InspectorState;
  readonly set: (change: Partial<InspectorState>) => void;
}

export function createInspector(name: string): Inspector {
  const state$ = new BehaviorSubject<InspectorState>({
    recording: noRecording(name),
    filter: EVERYTHING,
    list: [],
    conversation: null,
    view: overall('bytes', 1),
    selected: null,
    hovered: null,
    search: NO_SEARCH,
    width: 1000,
    isChosen: false,
    rank: Number.POSITIVE_INFINITY,
  });
  return {
    state$,
    state: () => state$.value,
    set: (change) => state$.next({ ...state$.value, ...change }),
  };
}

/** Takes the recording as far as it has been read. */
export function take(inspector: Inspector, recording: Recording): void {
  const { conversation, filter, isChosen, rank } = inspector.state();
  inspector.set({ recording, list: listed(recording.conversations, filter) });
  const notable = isChosen ? undefined : notableConversation(recording.conversations);
  if (notable !== undefined && rankOf(notable) < rank) {
    show(inspector, notable);
    return;
  }
  const now = recording.conversations.find((it) => it.index === conversation?.it.index);
  if (conversation !== null && now !== undefined && now.version !== conversation.it.version)
    showMore(inspector, now);
}

/** More of the conversation that is drawn was read: what was selected still is. */
function showMore(inspector: Inspector, record: ConversationRecord): void {
  const { view, selected } = inspector.state();
  const conversation = viewOf(record);
  const length = lengthOf(conversation, view.unit);
  const wasWhole = view.to >= view.length;
  inspector.set({
    conversation,
    view:
      wasWhole && view.from <= 0 ? overall(view.unit, length) : look({ ...view, length }, view.from, view.to),
    selected: selected === null ? null : again(conversation, selected),
    hovered: null,
  });
}

const again = (
  view: ConversationView,
  { side, kind, at }: { side: Item['side']; kind: ItemKind; at: number },
) => view.lanes[side][`${kind}s`][at] ?? null;

/** Shows where there is something to see in a conversation. */
function show(inspector: Inspector, record: ConversationRecord): void {
  inspector.set({ rank: rankOf(record) });
  openConversation(inspector, record);
  const { conversation } = inspector.state();
  const item = conversation === null ? null : notableItem(conversation);
  if (item !== null) goToItem(inspector, item);
}

/** Draws a conversation, as a whole. */
export function openConversation(inspector: Inspector, record: ConversationRecord): void {
  const conversation = viewOf(record);
  const { unit } = inspector.state().view;
  inspector.set({
    conversation,
    selected: null,
    hovered: null,
    view: overall(unit, lengthOf(conversation, unit)),
  });
}

export const lengthOf = ({ bytes, duration }: ConversationView, unit: Unit): number =>
  unit === 'bytes' ? bytes : duration;

export function setFilter(inspector: Inspector, change: Partial<ListFilter>): void {
  const { recording, filter } = inspector.state();
  const next = { ...filter, ...change };
  inspector.set({ filter: next, list: listed(recording.conversations, next) });
}

export function setUnit(inspector: Inspector, unit: Unit): void {
  const { conversation, selected } = inspector.state();
  if (conversation === null) return;
  inspector.set({ view: overall(unit, lengthOf(conversation, unit)), isChosen: true });
  if (selected !== null) reveal(inspector, selected);
}

export function showAll(inspector: Inspector): void {
  const { conversation, view } = inspector.state();
  if (conversation === null) return;
  inspector.set({ view: overall(view.unit, lengthOf(conversation, view.unit)) });
}

/** Selects an item, and brings it into view. */
export function goToItem(inspector: Inspector, item: Item): void {
  inspector.set({ selected: item, hovered: null });
  reveal(inspector, item);
}

/** Where an item begins and ends, in the unit of a view. */
export function extentOf(item: Item, unit: Unit): readonly [from: number, to: number] {
  if (unit === 'bytes') return [item.position, item.end];
  return [item.kind === 'frame' ? item.began : item.time, item.time];
}

/** The width from which an item is visible. */
const VISIBLE_PX = 24;

/** Moves until an item is in view, and zooms until it is wide enough to be seen. */
function reveal(inspector: Inspector, item: Item): void {
  const { conversation, view, width } = inspector.state();
  if (conversation === null) return;
  const lane = conversation.lanes[item.side];
  const widthIn = (seen: View): number => {
    const { left, right } = itemSpan(layoutOf(seen, width), lane, item);
    return right - left;
  };
  const [from, to] = extentOf(item, view.unit);
  const isPoint = to === from || (item.kind === 'chunk' && view.unit !== 'bytes');
  const middle = (from + to) / 2;
  let span = view.to - view.from;
  const inView = from >= view.from && to <= view.to;
  if (inView && (widthIn(view) >= VISIBLE_PX || isPoint)) return;
  if (to - from > span * 0.9) span = (to - from) * 1.3;
  let next = look(view, middle - span / 2, middle + span / 2);
  for (let tries = 0; tries < 60 && widthIn(next) < VISIBLE_PX && !isPoint; tries++) {
    span /= 1.6;
    next = look(view, middle - span / 2, middle + span / 2);
  }
  inspector.set({ view: next });
}
