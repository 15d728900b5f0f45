/** From one item of a conversation to the next, by keys. */
import { sideNames } from '../data/page-data.ts';
import type { ConversationView } from './conversation-view.ts';
import { goToItem, type Inspector } from './inspector.ts';
import type { Item } from './items.ts';
import { notableItems } from './notable.ts';

/** The frames of both sides by time; among them chunks without a frame. */
export function framesByTime({ lanes }: ConversationView): readonly Item[] {
  const items = sideNames.flatMap((side): readonly Item[] => {
    const { frames, chunks } = lanes[side];
    return [...frames, ...chunks.filter((chunk) => chunk.to <= chunk.from)];
  });
  const when = (item: Item): number => (item.kind === 'frame' ? item.began : item.time);
  return items.sort((a, b) => when(a) - when(b) || a.position - b.position);
}

/** Everything that a table of the conversation has: frames, chunks without one, and what is marked. */
export function rowsOf(view: ConversationView): readonly Item[] {
  const marks = notableItems(view).filter(({ kind }) => kind !== 'frame');
  const when = (item: Item): number => (item.kind === 'frame' ? item.began : item.time);
  return [...framesByTime(view), ...marks].sort((a, b) => when(a) - when(b));
}

export const stepThroughFrames = (inspector: Inspector, by: 1 | -1): void =>
  step(inspector, by, framesByTime);

/** To the next fault, gap, conflict, cut or glue. */
export const stepThroughMarks = (inspector: Inspector, by: 1 | -1): void => step(inspector, by, notableItems);

function step(inspector: Inspector, by: 1 | -1, itemsOf: (view: ConversationView) => readonly Item[]): void {
  const { conversation, selected } = inspector.state();
  if (conversation === null) return;
  const items = itemsOf(conversation);
  const at = selected === null ? -1 : items.indexOf(selected);
  const next = items[at < 0 ? firstFrom(items, selected, by) : at + by];
  if (next !== undefined) goToItem(inspector, next);
}

/** Where stepping begins: at either end, or beside what is selected when that is none of the items. */
function firstFrom(items: readonly Item[], selected: Item | null, by: 1 | -1): number {
  const end = by > 0 ? 0 : items.length - 1;
  if (selected === null) return end;
  const behind = items.findIndex(({ time }) => time >= selected.time);
  if (behind === -1) return by > 0 ? items.length : items.length - 1;
  return by > 0 ? behind : behind - 1;
}
