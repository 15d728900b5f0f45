/** The page: what is on it, and what happens when it is used. The last of its files. */
import { browser, byId, type Canvas, type Element, element, type Happening } from './browser.ts';
import { showDetails } from './details.ts';
import { draw } from './draw.ts';
import {
  CHUNKS,
  FRAMES,
  framesTop,
  HEIGHT,
  itemAt,
  itemSpan,
  type Layout,
  layoutOf,
  MAP_TOP,
  topOf,
} from './layout.ts';
import { type Frame, type Item, sideNames, type Talk, talkOf } from './model.ts';
import type { PageData } from './page-data.ts';
import { inUnit, look, overall, pan, type Unit, type View, zoom } from './scale.ts';
import { type Hit, MOST_HITS, search } from './search.ts';

const data = JSON.parse(byId('capture').textContent ?? '') as PageData;
const talks = data.conversations.map(talkOf);
const canvas = byId('canvas') as Canvas;
const details = byId('details');
const query = byId('query');

let talk: Talk | undefined = talks[0];
let unit: Unit = 'bytes';
let view: View = overall('bytes', talk?.bytes ?? 1);
let layout: Layout | null = null;
let selected: Item | null = null;
let hovered: Item | null = null;
let hits: readonly Hit[] = [];
let hit = -1;
let drawing = false;

/** Draws before the next picture, however often it was asked for. */
function redraw(): void {
  if (drawing || talk === undefined) return;
  drawing = true;
  browser.requestAnimationFrame(() => {
    drawing = false;
    if (talk === undefined) return;
    const found = new Set(hits.filter((each) => each.talk === talk).map(({ item }) => item));
    layout = draw(canvas, { talk, view, selected, hovered, found });
    const { from, to } = view;
    Object.assign(canvas.dataset, { unit, from: String(from), to: String(to) });
    byId('span').textContent =
      `${inUnit(unit, Math.max(0, Math.round(from)))} to ${inUnit(unit, Math.round(to))}`;
  });
}

const lengthOf = (of: Talk): number => (unit === 'bytes' ? of.bytes : of.duration);

function see(next: View): void {
  view = next;
  redraw();
}

function setUnit(next: Unit): void {
  unit = next;
  for (const each of ['bytes', 'time'] as const) {
    byId(`by-${each}`).setAttribute('aria-pressed', String(each === unit));
  }
  if (talk !== undefined) see(overall(unit, lengthOf(talk)));
  if (selected !== null) reveal(selected);
}

function showItem(): void {
  const item = hovered ?? selected;
  showDetails(details, item, item === null || talk === undefined ? null : talk.lanes[item.side]);
}

function choose(item: Item | null): void {
  selected = item;
  showItem();
  redraw();
}

/** From where to where an item is, in the unit of the view. */
function extent(item: Item): readonly [from: number, to: number] {
  if (unit === 'bytes') return [item.position, item.end];
  return [item.kind === 'frame' ? item.began : item.time, item.time];
}

/** Pixels that an item must have to be seen. */
const SEEN = 24;

/** Moves until an item is in view, and zooms until it is wide enough to be seen. */
function reveal(item: Item): void {
  if (talk === undefined) return;
  const lane = talk.lanes[item.side];
  const width = (seen: View): number => {
    const { left, right } = itemSpan(layoutOf(seen, canvas.clientWidth), lane, item);
    return right - left;
  };
  const [from, to] = extent(item);
  const middle = (from + to) / 2;
  let span = view.to - view.from;
  const inView = from >= view.from && to <= view.to;
  if (inView && width(view) >= SEEN) return;
  if (to - from > span * 0.9) span = (to - from) * 1.3;
  let next = look(view, middle - span / 2, middle + span / 2);
  for (let tries = 0; tries < 60 && width(next) < SEEN && item.kind !== 'fault'; tries++) {
    span /= 1.6;
    next = look(view, middle - span / 2, middle + span / 2);
  }
  see(next);
}

function open(next: Talk): void {
  talk = next;
  selected = null;
  hovered = null;
  view = overall(unit, lengthOf(next));
  talks.forEach((each, i) => {
    list[i]?.setAttribute('aria-current', String(each === next));
  });
  list[talks.indexOf(next)]?.scrollIntoView({ block: 'nearest' });
  const { it } = next;
  byId('title').textContent = `#${it.index}  ${it.client} → ${it.server}`;
  byId('about').textContent = [it.startedAt, it.framing, it.ended].join(' · ');
  for (const side of sideNames) {
    const { counts, chunks, frames } = next.lanes[side];
    const shown = (here: number, all: number): string =>
      here < all ? ` (${here.toLocaleString('en-US')} shown)` : '';
    byId(`${side}-chunks`).textContent =
      `${many(counts.chunks, 'chunk')}${shown(chunks.length, counts.chunks)}`;
    byId(`${side}-frames`).textContent =
      `${many(counts.frames, 'frame')}${shown(frames.length, counts.frames)}`;
    byId(`${side}-counts`).textContent = [
      many(counts.bytes, 'byte'),
      counts.glued > 0 ? `${counts.glued.toLocaleString('en-US')} glued` : '',
      counts.cut > 0 ? `${counts.cut.toLocaleString('en-US')} cut` : '',
      counts.missing > 0 ? `${counts.missing.toLocaleString('en-US')} missing` : '',
      counts.retransmitted > 0 ? `${counts.retransmitted.toLocaleString('en-US')} sent again` : '',
    ]
      .filter((each) => each !== '')
      .join(', ');
  }
  const sum = sideNames.map((side) => {
    const { counts } = next.lanes[side];
    return `${side}: ${many(counts.chunks, 'chunk')}, ${many(counts.frames, 'frame')}`;
  });
  canvas.setAttribute('aria-label', `${sum.join('; ')}. Arrows move, plus and minus zoom, n and p step.`);
  showItem();
  redraw();
}

function many(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

/** The list of conversations. */
function listed(it: Talk): Element {
  const button = element('button', 'talk');
  button.type = 'button';
  const { client, server } = it.lanes;
  const badges = element('span', 'badges');
  const badge = (kind: string, count: number): void => {
    if (count > 0)
      badges.append(element('span', `badge ${kind}`, `${count.toLocaleString('en-US')} ${kind}`));
  };
  badge('glued', client.counts.glued + server.counts.glued);
  badge('cut', client.counts.cut + server.counts.cut);
  badge('gap', client.gaps.length + server.gaps.length);
  badge('fault', client.faults.length + server.faults.length);
  const frames = many(client.counts.frames + server.counts.frames, 'frame');
  button.append(
    element('span', 'ends', `#${it.it.index} ${it.it.client} → ${it.it.server}`),
    element('span', 'sum', `${frames}, ${many(client.counts.bytes + server.counts.bytes, 'byte')}`),
    badges,
  );
  button.addEventListener('click', () => open(it));
  return button;
}
const list = talks.map(listed);

/** Searching. */
function seek(): void {
  hits = search(talks, query.value);
  hit = -1;
  if (hits.length > 0)
    goTo(
      Math.max(
        0,
        hits.findIndex((each) => each.talk === talk),
      ),
    );
  else sayHits();
  redraw();
}

function goTo(next: number): void {
  if (hits.length === 0) return;
  hit = (next + hits.length) % hits.length;
  const at = hits[hit]!;
  if (at.talk !== talk) open(at.talk);
  hovered = null;
  choose(at.item);
  reveal(at.item);
  sayHits();
}

function sayHits(): void {
  const most = hits.length === MOST_HITS ? ' or more' : '';
  const found = hits.length === 0 ? 'nothing found' : `${hit + 1} of ${hits.length}${most}`;
  byId('hits').textContent = query.value.trim() === '' ? '' : found;
}

/** The frame after or before the selected one, of both sides by time; among them chunks without a frame. */
function step(by: 1 | -1): void {
  if (talk === undefined) return;
  const items = sideNames.flatMap((side): readonly Item[] => {
    const { frames, chunks } = talk!.lanes[side];
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
const placeOf = ({ clientX, clientY }: Happening): { x: number; y: number } => {
  const { left, top } = canvas.getBoundingClientRect();
  return { x: clientX - left, y: clientY - top };
};

let dragged: { readonly x: number; readonly from: View; moved: boolean; readonly map: boolean } | null = null;

function toMap(x: number): void {
  if (talk === undefined) return;
  const all = overall(unit, lengthOf(talk));
  const middle = all.from + ((all.to - all.from) * x) / canvas.clientWidth;
  const half = (view.to - view.from) / 2;
  see(look(view, middle - half, middle + half));
}

canvas.addEventListener('pointerdown', (event) => {
  if (event.button !== 0) return;
  const { x, y } = placeOf(event);
  canvas.setPointerCapture(event.pointerId);
  dragged = { x, from: view, moved: false, map: y >= MAP_TOP };
  if (dragged.map) toMap(x);
});
canvas.addEventListener('pointermove', (event) => {
  if (talk === undefined || layout === null) return;
  const { x, y } = placeOf(event);
  if (dragged?.map) {
    toMap(x);
    return;
  }
  if (dragged !== null && (dragged.moved || Math.abs(x - dragged.x) > 3)) {
    dragged.moved = true;
    see(pan(dragged.from, (dragged.x - x) / canvas.clientWidth));
    return;
  }
  const item = itemAt(layout, talk.lanes, x, y);
  if (item === hovered) return;
  hovered = item;
  canvas.style.cursor = item === null ? 'grab' : 'pointer';
  showItem();
  redraw();
});
canvas.addEventListener('pointerup', (event) => {
  const was = dragged;
  dragged = null;
  if (was === null || was.moved || was.map || talk === undefined || layout === null) return;
  const { x, y } = placeOf(event);
  choose(itemAt(layout, talk.lanes, x, y));
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
    else see(zoom(view, Math.exp(-event.deltaY / 400), placeOf(event).x / canvas.clientWidth));
  },
  { passive: false },
);

/** Keys: those that mean something everywhere, unless something is being written. */
const keys: Readonly<Record<string, () => void>> = {
  '+': () => see(zoom(view, 1.5, 0.5)),
  '=': () => see(zoom(view, 1.5, 0.5)),
  '-': () => see(zoom(view, 1 / 1.5, 0.5)),
  '0': () => talk !== undefined && see(overall(unit, lengthOf(talk))),
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

/** What there is, and what was left out of it. */
function introduce(): void {
  const { name, fault, totals } = data;
  browser.document.title = `${name} · sluice inspect`;
  byId('name').textContent = name;
  byId('sum').textContent = [
    many(totals.conversations, 'conversation'),
    many(totals.frames, 'frame'),
    many(totals.chunks, 'chunk'),
    many(totals.gaps, 'gap'),
    many(totals.faults, 'fault'),
  ].join(', ');
  const shown = { conversations: talks.length, frames: 0, chunks: 0, gaps: 0, faults: 0 };
  for (const { lanes } of talks) {
    for (const side of sideNames) {
      for (const kind of ['frames', 'chunks', 'gaps', 'faults'] as const)
        shown[kind] += lanes[side][kind].length;
    }
  }
  const left = (Object.keys(shown) as (keyof typeof shown)[])
    .filter((kind) => shown[kind] < totals[kind])
    .map(
      (kind) => `${shown[kind].toLocaleString('en-US')} of ${totals[kind].toLocaleString('en-US')} ${kind}`,
    );
  const notes = [
    ...(fault === null ? [] : [`The reading ended early: ${fault}`]),
    ...(left.length === 0
      ? []
      : [
          `This page has ${left.join(', ')}: the first. sluice inspect --only makes a page of fewer conversations.`,
        ]),
  ];
  byId('notes').replaceChildren(...notes.map((note) => element('p', 'note', note)));
  byId('talks').replaceChildren(...list);
  canvas.style.height = `${HEIGHT}px`;
  for (const side of sideNames) {
    for (const [kind, top, height] of [
      ['chunks', topOf[side], CHUNKS],
      ['frames', framesTop(side), FRAMES],
    ] as const) {
      const label = byId(`${side}-${kind}-lane`);
      label.style.top = `${top}px`;
      label.style.height = `${height}px`;
    }
  }
  byId('main').hidden = talk === undefined;
  byId('empty').hidden = talk !== undefined;
}

introduce();
if (talk !== undefined) open(talk);
