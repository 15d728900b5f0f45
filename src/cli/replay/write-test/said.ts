/** Names the messages of each conversation in a few words, for the names and comments of a written test. */

import { plainCountOf } from '../../../base/units.ts';
import type { Capture } from '../../../capture/capture.ts';
import { type InspectOptions, inspect } from '../../../capture/inspect/inspect.ts';
import type { Side } from '../../../capture/stream-event.ts';

export interface Said {
  readonly from: Side;
  readonly text: string;
}

export interface SaidByConversation {
  /** The first messages. */
  readonly first: readonly Said[];
  /** How many more there are. */
  readonly more: number;
  /** How many messages the client sent. */
  readonly requests: number;
}

/** Messages that are kept of a conversation. */
const MESSAGES_MAX = 8;
const TEXT_LENGTH_MAX = 70;

/** In the order of the conversations. */
export async function saidIn(
  capture: Capture,
  options: InspectOptions,
): Promise<readonly SaidByConversation[]> {
  const said: { first: Said[]; more: number; requests: number }[] = [];
  for await (const events of inspect(capture, options)) {
    for (const event of events) {
      if (event.type === 'open') said[event.conversation.index] = { first: [], more: 0, requests: 0 };
      if (event.type !== 'frame') continue;
      const { conversation, from, label, head, length } = event;
      const of = said[conversation.index]!;
      if (from === 'client') of.requests++;
      const text = label ?? plainCountOf(head + length, 'byte');
      if (of.first.length < MESSAGES_MAX) of.first.push({ from, text: shortened(text) });
      else of.more++;
    }
  }
  return said;
}

/** By characters, so that none is cut in two. */
function shortened(text: string): string {
  const characters = [...text];
  return characters.length <= TEXT_LENGTH_MAX ? text : `${characters.slice(0, TEXT_LENGTH_MAX).join('')}…`;
}
