/** The texts beside the drawing: about the capture, the list of its conversations, and the one that is drawn. */
import { formatCount, formatCountOf } from '../../../base/units.ts';
import { browser, byId, type Element, element } from './browser.ts';
import { CHUNKS_PX, FRAMES_PX, framesTop, topOf } from './layout.ts';
import { type ConversationView, sideNames } from './model.ts';
import type { PageData } from './page-data.ts';

/** Shows the totals of the capture, and what the page leaves out. */
export function introduce(
  { name, fault, unread, differing, totals }: PageData,
  conversations: readonly ConversationView[],
): void {
  browser.document.title = `${name} · sluice inspect`;
  byId('name').textContent = name;
  byId('sum').textContent = [
    formatCountOf(totals.conversations, 'conversation'),
    formatCountOf(totals.frames, 'frame'),
    formatCountOf(totals.chunks, 'chunk'),
    formatCountOf(totals.gaps, 'gap'),
    formatCountOf(totals.faults, 'fault'),
    ...(totals.conflicts > 0 ? [formatCountOf(totals.conflicts, 'conflict')] : []),
    ...(totals.ignored > 0 ? [`${formatCount(totals.ignored)} ignored`] : []),
  ].join(', ');
  const shown = { conversations: conversations.length, frames: 0, chunks: 0, gaps: 0, faults: 0 };
  for (const { lanes } of conversations) {
    for (const side of sideNames) {
      for (const kind of ['frames', 'chunks', 'gaps', 'faults'] as const)
        shown[kind] += lanes[side][kind].length;
    }
  }
  const left = (Object.keys(shown) as (keyof typeof shown)[])
    .filter((kind) => shown[kind] < totals[kind])
    .map((kind) => `${formatCount(shown[kind])} of ${formatCount(totals[kind])} ${kind}`);
  const notes: string[] = [];
  if (fault !== null) notes.push(`The reading ended early: ${fault}`);
  if (unread.length > 0) notes.push(`Not read: ${unread.join('; ')}`);
  notes.push(...differing);
  if (left.length > 0) {
    notes.push(
      `This page has ${left.join(', ')}: the first. sluice inspect --only makes a page of fewer conversations.`,
    );
  }
  byId('notes').replaceChildren(...notes.map((note) => element('p', 'note', note)));
}

/** The entry of a conversation in the list. */
export function listed({ it, lanes: { client, server } }: ConversationView, open: () => void): Element {
  const button = element('button', 'conversation');
  button.type = 'button';
  const badges = element('span', 'badges');
  const badge = (kind: string, count: number, text: string): void => {
    if (count > 0) badges.append(element('span', `badge ${kind}`, text));
  };
  const glued = client.counts.glued + server.counts.glued;
  const cut = client.counts.cut + server.counts.cut;
  const gaps = client.gaps.length + server.gaps.length;
  const faults = client.faults.length + server.faults.length;
  badge('glued', glued, `${formatCount(glued)} glued`);
  badge('cut', cut, `${formatCount(cut)} cut`);
  badge('gap', gaps, formatCountOf(gaps, 'gap'));
  badge('fault', faults, formatCountOf(faults, 'fault'));
  const frames = formatCountOf(client.counts.frames + server.counts.frames, 'frame');
  button.append(
    element('span', 'ends', `#${it.index} ${it.client} → ${it.server}`),
    element('span', 'sum', `${frames}, ${formatCountOf(client.counts.bytes + server.counts.bytes, 'byte')}`),
    badges,
  );
  button.addEventListener('click', open);
  return button;
}

/** The conversation that is drawn, above the drawing and beside its lanes. */
export function describe({ it, lanes }: ConversationView): void {
  byId('title').textContent = `#${it.index}  ${it.client} → ${it.server}`;
  byId('about').textContent = [it.startedAt, it.framing, it.ended].join(' · ');
  for (const side of sideNames) {
    const { counts, chunks, frames } = lanes[side];
    const shown = (here: number, all: number): string => (here < all ? ` (${formatCount(here)} shown)` : '');
    byId(`${side}-chunks`).textContent =
      `${formatCountOf(counts.chunks, 'chunk')}${shown(chunks.length, counts.chunks)}`;
    byId(`${side}-frames`).textContent =
      `${formatCountOf(counts.frames, 'frame')}${shown(frames.length, counts.frames)}`;
    byId(`${side}-counts`).textContent = [
      formatCountOf(counts.bytes, 'byte'),
      ...(counts.glued > 0 ? [`${formatCount(counts.glued)} glued`] : []),
      ...(counts.cut > 0 ? [`${formatCount(counts.cut)} cut`] : []),
      ...(counts.missing > 0 ? [`${formatCount(counts.missing)} missing`] : []),
      ...(counts.retransmitted > 0 ? [`${formatCount(counts.retransmitted)} sent again`] : []),
      ...(counts.conflicts > 0 ? [formatCountOf(counts.conflicts, 'conflict')] : []),
      ...(counts.ignored > 0 ? [`${formatCount(counts.ignored)} ignored`] : []),
    ].join(', ');
  }
}

/** Describes the drawing for a screen reader. */
export function inOneLine({ lanes }: ConversationView): string {
  const sum = sideNames.map((side) => {
    const { counts } = lanes[side];
    return `${side}: ${formatCountOf(counts.chunks, 'chunk')}, ${formatCountOf(counts.frames, 'frame')}`;
  });
  return `${sum.join('; ')}. Arrows move, plus and minus zoom, n and p step.`;
}

/** Puts the names of the lanes beside them. */
export function placeLabels(): void {
  for (const side of sideNames) {
    for (const [kind, top, height] of [
      ['chunks', topOf[side], CHUNKS_PX],
      ['frames', framesTop(side), FRAMES_PX],
    ] as const) {
      const label = byId(`${side}-${kind}-lane`);
      label.style.top = `${top}px`;
      label.style.height = `${height}px`;
    }
  }
}
