/** Finds frames by their number, label, text or bytes, and chunks that have these outside of the frames found. */
import { asciiOf, hexOf } from '../../../base/bytes.ts';
import type { Chunk, ConversationView, Frame, Item } from './model.ts';
import { sideNames } from './model.ts';

export interface Hit {
  readonly conversation: ConversationView;
  readonly item: Item;
}

/** The most hits: no user steps through more. */
export const HITS_MAX = 5000;

/**
 * - `#12`: the frames with that number.
 * - Pairs of hexadecimal digits, `16 03 01` or `0x160301`: bytes. At least two of them, unless `0x` is in front.
 * - Anything: a part of a label, of a fault's message, or of the bytes as ASCII; capitals or not.
 */
export function search(conversations: readonly ConversationView[], query: string): Hit[] {
  const asked = query.trim();
  if (asked === '') return [];
  const matches = matcher(asked);
  const hits: Hit[] = [];
  for (const conversation of conversations) {
    for (const side of sideNames) {
      const { frames, chunks, faults } = conversation.lanes[side];
      const found = new Set<Item>(frames.filter(matches));
      const alone = chunks.filter(
        (chunk) => matches(chunk) && !frames.slice(chunk.from, chunk.to).some((frame) => found.has(frame)),
      );
      const items = [...found, ...alone, ...faults.filter(matches)];
      items.sort((one, other) => one.position - other.position);
      for (const item of items) {
        if (hits.length >= HITS_MAX) return hits;
        hits.push({ conversation, item });
      }
    }
  }
  return hits;
}

function matcher(asked: string): (item: Item) => boolean {
  const number = /^#(\d+)$/.exec(asked);
  if (number !== null) return (item) => item.kind === 'frame' && item.number === Number(number[1]);
  const text = asked.toLowerCase();
  const digits = text.replace(/^0x/, '').replaceAll(' ', '');
  const isHex = /^(?:[0-9a-f]{2})+$/.test(digits) && (text.startsWith('0x') || digits.length >= 4);
  return (item) => {
    if (item.kind === 'fault') return `${item.code} ${item.message}`.toLowerCase().includes(text);
    if (item.kind === 'gap') return false;
    if (item.kind === 'frame' && item.label.toLowerCase().includes(text)) return true;
    return asciiOf(item.bytes).toLowerCase().includes(text) || (isHex && hasBytes(item, digits));
  };
}

function hasBytes({ bytes }: Frame | Chunk, digits: string): boolean {
  const hex = hexOf(bytes, '');
  for (let at = hex.indexOf(digits); at >= 0; at = hex.indexOf(digits, at + 1)) {
    if (at % 2 === 0) return true;
  }
  return false;
}
