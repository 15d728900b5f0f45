/** The entry of the page's script: its state, and its reactions to pointer, keys and search. */
import { browser, byId, type Canvas, type UiEvent } from './browser.ts';
import { showDetails } from './details.ts';
import { draw } from './draw.ts';
import { HEIGHT_PX, itemAt, itemSpan, type Layout, layoutOf, MAP_TOP_PX } from './layout.ts';
import { type ConversationView, type Frame, type Item, sideNames, viewOf } from './model.ts';
import type { PageData } from './page-data.ts';
import { inUnit, look, overall, pan, type Unit, type View, zoom } from './scale.ts';
import { HITS_MAX, type Hit, search } from './search.ts';
import { describe, inOneLine, introduce, listed, placeLabels } from './text.ts';

const data = JSON.parse(byId('capture').textContent ?? '') as PageData;
const conversations = data.conversations.map(viewOf);
const canvas = byId('canvas') as Canvas;
const details = byId('details');
const query = byId('query');

let conversation: ConversationView | undefined = conversations[0];
let unit: Unit = 'bytes';
let view: View = overall('bytes', conversation?.bytes ?? 1);
let layout: Layout | null = null;
let selected: Item | null = null;
let hovered: Item | null = null;
let hits: readonly Hit[] = [];
let hit = -1;
let drawing = false;

/** Draws once before the browser's next frame, even when it is called several times. */
function redraw(): void {
  if (drawing || conversation === undefined) return;
  drawing = true;
  browser.requestAnimationFrame(() => {
    drawing = false;
    if (conversation === undefined) return;
    const found = new Set(hits.filter((each) => each.conversation === conversation).map(({ item }) => item));
    layout = draw(canvas, { conversation, view, selected, hovered, found });
    const { from, to } = view;
    Object.assign(canvas.dataset, { unit, from: String(from), to: String(to) });
    byId('span').textContent =
      `${inUnit(unit, Math.max(0, Math.round(from)))} to ${inUnit(unit, Math.round(to))}`;
  });
}

const lengthOf = (of: ConversationView): number => (unit === 'bytes' ? of.bytes : of.duration);

function see(next: View): void {
  view = next;
  redraw();
}

function setUnit(next: Unit): void {
  unit = next;
  for (const each of ['bytes', 'time'] as const) {
    byId(`by-${each}`).setAttribute('aria-pressed', String(each === unit));
  }
  if (conversation !== undefined) see(overall(unit, lengthOf(conversation)));
  if (selected !== null) reveal(selected);
}

function showItem(): void {
  const item = hovered ?? selected;
  showDetails(
    details,
    item,
    item === null || conversation === undefined ? null : conversation.lanes[item.side],
  );
}

function choose(item: Item | null): void {
  selected = item;
  showItem();
  redraw();
}

/** Where an item begins and ends, in the unit of the view. */
function extent(item: Item): readonly [from: number, to: number] {
  if (unit === 'bytes') return [item.position, item.end];
  return [item.kind === 'frame' ? item.began : item.time, item.time];
}

/** The width from which an item is visible. */
const VISIBLE_PX = 24;

/** Moves until an item is in view, and zooms until it is wide enough to be seen. */
function reveal(item: Item): void {
  if (conversation === undefined) return;
  const lane = conversation.lanes[item.side];
  const width = (seen: View): number => {
    const { left, right } = itemSpan(layoutOf(seen, canvas.clientWidth), lane, item);
    return right - left;
  };
  const [from, to] = extent(item);
  const middle = (from + to) / 2;
  let span = view.to - view.from;
  const inView = from >= view.from && to <= view.to;
  if (inView && width(view) >= VISIBLE_PX) return;
  if (to - from > span * 0.9) span = (to - from) * 1.3;
  let next = look(view, middle - span / 2, middle + span / 2);
  for (let tries = 0; tries < 60 && width(next) < VISIBLE_PX && item.kind !== 'fault'; tries++) {
    span /= 1.6;
    next = look(view, middle - span / 2, middle + span / 2);
  }
  see(next);
}

function open(next: ConversationView): void {
  conversation = next;
  selected = null;
  hovered = null;
  view = overall(unit, lengthOf(next));
  conversations.forEach((each, i) => {
    list[i]?.setAttribute('aria-current', String(each === next));
  });
  list[conversations.indexOf(next)]?.scrollIntoView({ block: 'nearest' });
  describe(next);
  canvas.setAttribute('aria-label', inOneLine(next));
  showItem();
  redraw();
}

const list = conversations.map((each) => listed(each, () => open(each)));

/** Searching. */
function seek(): void {
  hits = search(conversations, query.value);
  hit = -1;
  if (hits.length > 0)
    goTo(
      Math.max(
        0,
        hits.findIndex((each) => each.conversation === conversation),
      ),
    );
  else sayHits();
  redraw();
}

function goTo(next: number): void {
  if (hits.length === 0) return;
  hit = (next + hits.length) % hits.length;
  const at = hits[hit]!;
  if (at.conversation !== conversation) open(at.conversation);
  hovered = null;
  choose(at.item);
  reveal(at.item);
  sayHits();
}

function sayHits(): void {
  const most = hits.length === HITS_MAX ? ' or more' : '';
  const found = hits.length === 0 ? 'nothing found' : `${hit + 1} of ${hits.length}${most}`;
  byId('hits').textContent = query.value.trim() === '' ? '' : found;
}

/** The frame after or before the selected one, of both sides by time; among them chunks without a frame. */
function step(by: 1 | -1): void {
  if (conversation === undefined) return;
  const items = sideNames.flatMap((side): readonly Item[] => {
    const { frames, chunks } = conversation!.lanes[side];
    return [...frames, ...chunks.filter((chunk) => chunk.to <= chunk.from)];
  });
  const when = (item: Item): number => (item.kind === 'frame' ? (item as Frame).began : item.time);
  items.sort((a, b) => when(a) - when(b) || a.position - b.position);
  const at = selected === null ? -1 : items.indexOf(selected);
  const next = items[at < 0 ? (by > 0 ? 0 : items.length - 1) : at + by];
  if (next === undefined) return;
  hovered = null;
  choose(next);
  reveal(next);
}

/** The pointer. */
const positionOf = ({ clientX, clientY }: UiEvent): { x: number; y: number } => {
  const { left, top } = canvas.getBoundingClientRect();
  return { x: clientX - left, y: clientY - top };
};

let dragged: { readonly x: number; readonly from: View; moved: boolean; readonly map: boolean } | null = null;

function toMap(x: number): void {
  if (conversation === undefined) return;
  const all = overall(unit, lengthOf(conversation));
  const middle = all.from + ((all.to - all.from) * x) / canvas.clientWidth;
  const half = (view.to - view.from) / 2;
  see(look(view, middle - half, middle + half));
}

canvas.addEventListener('pointerdown', (event) => {
  if (event.button !== 0) return;
  const { x, y } = positionOf(event);
  canvas.setPointerCapture(event.pointerId);
  dragged = { x, from: view, moved: false, map: y >= MAP_TOP_PX };
  if (dragged.map) toMap(x);
});
canvas.addEventListener('pointermove', (event) => {
  if (conversation === undefined || layout === null) return;
  const { x, y } = positionOf(event);
  if (dragged?.map) {
    toMap(x);
    return;
  }
  if (dragged !== null && (dragged.moved || Math.abs(x - dragged.x) > 3)) {
    dragged.moved = true;
    see(pan(dragged.from, (dragged.x - x) / canvas.clientWidth));
    return;
  }
  const item = itemAt(layout, conversation.lanes, x, y);
  if (item === hovered) return;
  hovered = item;
  canvas.style.cursor = item === null ? 'grab' : 'pointer';
  showItem();
  redraw();
});
canvas.addEventListener('pointerup', (event) => {
  const was = dragged;
  dragged = null;
  if (was === null || was.moved || was.map || conversation === undefined || layout === null) return;
  const { x, y } = positionOf(event);
  choose(itemAt(layout, conversation.lanes, x, y));
});
canvas.addEventListener('pointerleave', () => {
  hovered = null;
  showItem();
  redraw();
});
canvas.addEventListener('dblclick', () => {
  if (selected === null) return;
  const [from, to] = extent(selected);
  const room = Math.max(to - from, 1) * 0.6;
  see(look(view, from - room, to + room));
});
canvas.addEventListener(
  'wheel',
  (event) => {
    event.preventDefault();
    const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (sideways) see(pan(view, (event.deltaX || event.deltaY) / 1000));
    else see(zoom(view, Math.exp(-event.deltaY / 400), positionOf(event).x / canvas.clientWidth));
  },
  { passive: false },
);

/** Keys that work everywhere but in the search field. */
const keys: Readonly<Record<string, () => void>> = {
  '+': () => see(zoom(view, 1.5, 0.5)),
  '=': () => see(zoom(view, 1.5, 0.5)),
  '-': () => see(zoom(view, 1 / 1.5, 0.5)),
  '0': () => conversation !== undefined && see(overall(unit, lengthOf(conversation))),
  b: () => setUnit('bytes'),
  t: () => setUnit('time'),
  n: () => step(1),
  p: () => step(-1),
  '/': () => {
    query.focus();
    query.select();
  },
  Escape: () => choose(null),
};
const canvasKeys: Readonly<Record<string, () => void>> = {
  ArrowLeft: () => see(pan(view, -0.15)),
  ArrowRight: () => see(pan(view, 0.15)),
  ArrowUp: () => see(zoom(view, 1.5, 0.5)),
  ArrowDown: () => see(zoom(view, 1 / 1.5, 0.5)),
};

browser.document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || browser.document.activeElement === query) return;
  const act =
    keys[event.key] ?? (browser.document.activeElement === canvas ? canvasKeys[event.key] : undefined);
  if (act === undefined) return;
  event.preventDefault();
  act();
});
query.addEventListener('input', seek);
query.addEventListener('keydown', (event) => {
  if (event.key === 'Enter') goTo(hit + (event.shiftKey ? -1 : 1));
  else if (event.key === 'Escape') canvas.focus();
});
for (const [id, act] of [
  ['zoom-in', keys['+']!],
  ['zoom-out', keys['-']!],
  ['zoom-fit', keys['0']!],
  ['by-bytes', keys.b!],
  ['by-time', keys.t!],
  ['next-hit', () => goTo(hit + 1)],
  ['previous-hit', () => goTo(hit - 1)],
] as const) {
  byId(id).addEventListener('click', act);
}
browser.addEventListener('resize', redraw);
browser.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);

introduce(data, conversations);
byId('conversations').replaceChildren(...list);
canvas.style.height = `${HEIGHT_PX}px`;
placeLabels();
byId('main').hidden = false;
if (conversation !== undefined) open(conversation);
