/** Finds frames by their number, label, text or bytes, and chunks that have these outside of the frames found. */
import { binaryString } from '../../../base/bytes.ts';
import { type SideName, sideNames } from '../data/page-data.ts';
import type { ConversationView } from './conversation-view.ts';
import { type Chunk, type Frame, type Item, type Lane, sampleOf } from './items.ts';

/** Where an item is: items themselves are made anew when more of their conversation is read. */
export interface Hit {
  readonly conversation: number;
  readonly side: SideName;
  readonly kind: 'frame' | 'chunk' | 'fault';
  readonly at: number;
}

/** The most hits: no user steps through more. */
export const HITS_MAX = 5000;
/** Items that are looked at in one step. */
const STEP_ITEMS = 500;

type Matches = (item: Frame | Chunk, lane: Lane) => boolean;

export interface Matcher {
  readonly matches: Matches;
  readonly matchesText: (text: string) => boolean;
}

/**
 * Finds hits in one conversation after the other. Yields now and then with nothing, so that whoever steps through can let
 * others have their turn.
 *
 * - `#12`: the frames with that number.
 * - Pairs of hexadecimal digits, `16 03 01` or `0x160301`: bytes. At least two of them, unless `0x` is in front.
 * - Anything: a part of a label, of a fault's message, or of the bytes as ASCII; capitals or not.
 */
export function* search(
  conversations: Iterable<ConversationView>,
  query: string,
): Generator<readonly Hit[], void, undefined> {
  const matcher = matcherOf(query.trim());
  for (const conversation of conversations) yield* searchIn(conversation, matcher);
}

function* searchIn({ it, lanes }: ConversationView, matcher: Matcher): Generator<readonly Hit[]> {
  for (const side of sideNames) {
    const lane = lanes[side];
    const frames: Frame[] = [];
    const chunks: Chunk[] = [];
    const found = new Set<number>();
    for (const [i, frame] of lane.frames.entries()) {
      if (i % STEP_ITEMS === 0) yield [];
      if (!matcher.matches(frame, lane)) continue;
      frames.push(frame);
      found.add(frame.at);
    }
    for (const [i, chunk] of lane.chunks.entries()) {
      if (i % STEP_ITEMS === 0) yield [];
      if (!anyIn(found, chunk) && matcher.matches(chunk, lane)) chunks.push(chunk);
    }
    const faults = lane.faults.filter(({ code, message }) => matcher.matchesText(`${code} ${message}`));
    const items = [...frames, ...chunks, ...faults].sort((one, other) => one.position - other.position);
    yield items.map(({ kind, at }) => ({ conversation: it.index, side, kind, at }));
  }
}

/** Whether a chunk carries a frame that was found. */
function anyIn(found: ReadonlySet<number>, { from, to }: Chunk): boolean {
  for (let at = from; at < to; at++) if (found.has(at)) return true;
  return false;
}

function matcherOf(asked: string): Matcher {
  const number = /^#(\d+)$/.exec(asked);
  if (number !== null) {
    const wanted = Number(number[1]);
    return { matches: (item) => item.kind === 'frame' && item.number === wanted, matchesText: () => false };
  }
  const text = asked.toLowerCase();
  const digits = text.replace(/^0x/, '').replaceAll(' ', '');
  const isHex = /^(?:[0-9a-f]{2})+$/.test(digits) && (text.startsWith('0x') || digits.length >= 4);
  const bytes = isHex
    ? String.fromCharCode(...(digits.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)))
    : null;
  return {
    matchesText: (other) => other.toLowerCase().includes(text),
    matches: (item, lane) => {
      if (item.kind === 'frame' && item.label.toLowerCase().includes(text)) return true;
      const sample = sampleOf(lane, item);
      const characters = binaryString(sample, 0, sample.length);
      return characters.toLowerCase().includes(text) || (bytes !== null && characters.includes(bytes));
    },
  };
}

export const itemOf = (
  view: ConversationView,
  { side, kind, at }: Omit<Hit, 'conversation'>,
): Item | undefined => view.lanes[side][`${kind}s`][at];
