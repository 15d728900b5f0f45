/** A search under way: in steps, so that the page stays awake, and from hit to hit. */

import { type ConversationView, viewOf } from './conversation-view.ts';
import { goToItem, type Inspector, NO_SEARCH, openConversation } from './inspector.ts';
import type { Item } from './items.ts';
import { HITS_MAX, type Hit, itemOf, search } from './search.ts';

/** Milliseconds of searching in one turn of the event loop. */
const TURN_MS = 12;

export interface Searching {
  /** Looks for something else; ends what is under way. */
  readonly seek: (query: string) => void;
  readonly goTo: (hit: number) => void;
  readonly stop: () => void;
}

/** @param defer has a function called in another turn of the event loop; answers what prevents it. */
export function createSearching(
  inspector: Inspector,
  defer: (turn: () => void) => () => void = later,
): Searching {
  let stop = (): void => {};
  const seek = (query: string): void => {
    stop();
    stop = () => {};
    if (query.trim() === '') {
      inspector.set({ search: { ...NO_SEARCH, query } });
      return;
    }
    const steps = search(views(inspector), query);
    const hits: Hit[] = [];
    inspector.set({ search: { query, hits: [], hit: -1, isOver: false } });
    const turn = (): void => {
      const until = performance.now() + TURN_MS;
      let isOver = false;
      do {
        const { done, value } = steps.next();
        for (const hit of value ?? []) if (hits.length < HITS_MAX) hits.push(hit);
        isOver = done === true || hits.length >= HITS_MAX;
      } while (!isOver && performance.now() < until);
      const { search: before, conversation } = inspector.state();
      inspector.set({ search: { ...before, hits: [...hits], isOver } });
      if (!isOver) {
        stop = defer(turn);
        return;
      }
      const here = hits.findIndex((hit) => hit.conversation === conversation?.it.index);
      if (hits.length > 0) goTo(inspector, Math.max(0, here));
    };
    turn();
  };
  return { seek, goTo: (hit) => goTo(inspector, hit), stop: () => stop() };
}

function later(turn: () => void): () => void {
  const timer = setTimeout(turn, 0);
  return () => clearTimeout(timer);
}

/** The conversations as they are drawn, made only while they are looked at. */
function* views(inspector: Inspector) {
  const { recording, conversation } = inspector.state();
  for (const it of recording.conversations) {
    yield it === conversation?.it ? conversation : viewOf(it);
  }
}

function goTo(inspector: Inspector, wanted: number): void {
  const { search: before, recording } = inspector.state();
  const { hits } = before;
  if (hits.length === 0) return;
  const hit = (wanted + hits.length) % hits.length;
  const at = hits[hit]!;
  if (at.conversation !== inspector.state().conversation?.it.index) {
    const record = recording.conversations.find(({ index }) => index === at.conversation);
    if (record !== undefined) openConversation(inspector, record);
  }
  inspector.set({ search: { ...before, hit }, isChosen: true });
  const { conversation } = inspector.state();
  const item = conversation === null ? undefined : itemOf(conversation, at);
  if (item !== undefined) goToItem(inspector, item);
}

/** The hits in the conversation that is drawn. */
export const foundIn = (hits: readonly Hit[], conversation: ConversationView): readonly Item[] =>
  hits
    .filter((hit) => hit.conversation === conversation.it.index)
    .flatMap((hit) => itemOf(conversation, hit) ?? []);
