/** Where there is something to see: faults, gaps, conflicts, frames that are cut, chunks in which frames are glued. */
import { sideNames } from '../data/page-data.ts';
import type { ConversationView } from './conversation-view.ts';
import type { Item } from './items.ts';
import { isCut, isGlued, lossesOf } from './items.ts';
import { type ConversationRecord, type ConversationSummary, summaryOf } from './recording.ts';

/** What is looked for, the most telling first. */
const RANKS: readonly (keyof ConversationSummary)[] = [
  'faults',
  'gaps',
  'conflicts',
  'cut',
  'glued',
  'frames',
  'bytes',
];

/** The first conversation with the most telling thing in it; undefined when there is none at all. */
export function notableConversation(
  conversations: readonly ConversationRecord[],
): ConversationRecord | undefined {
  let best: ConversationRecord | undefined = conversations[0];
  let bestRank = Number.POSITIVE_INFINITY;
  for (const it of conversations) {
    const rank = rankOf(it);
    if (rank < bestRank) [best, bestRank] = [it, rank];
    if (rank === 0) break;
  }
  return best;
}

/** How telling a conversation is: less is more. */
export function rankOf(it: ConversationRecord): number {
  const summary = summaryOf(it);
  const rank = RANKS.findIndex((key) => summary[key] > 0);
  return rank === -1 ? RANKS.length : rank;
}

/** The most telling item of a conversation, the first of its kind; null when there is none. */
export function notableItem(view: ConversationView): Item | null {
  for (const find of [
    (lane) => lossesOf(lane)[0]?.fault,
    ({ gaps }) => gaps[0],
    ({ conflicts }) => conflicts[0],
    ({ frames }) => frames.find(isCut),
    ({ chunks }) => chunks.find(({ from, to }) => to - from > 1),
  ] satisfies ((lane: ConversationView['lanes']['client']) => Item | undefined)[]) {
    const found = sideNames.flatMap((side) => find(view.lanes[side]) ?? []);
    found.sort((a, b) => a.time - b.time);
    if (found[0] !== undefined) return found[0];
  }
  return null;
}

/** All that is marked, of both sides, by time. Frames are in it once, whether they are cut, glued or both. */
export function notableItems({ lanes }: ConversationView): readonly Item[] {
  const items = sideNames.flatMap((side): Item[] => {
    const { faults, gaps, conflicts, frames } = lanes[side];
    return [...faults, ...gaps, ...conflicts, ...frames.filter((it) => isCut(it) || isGlued(it))];
  });
  return items.sort((a, b) => a.time - b.time || a.position - b.position);
}
