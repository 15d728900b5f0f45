/** Hides the tokens in logged conversations of Sluice's wire, as a recorder hides them. */
import { createRedactor, type Redactor } from '../record/redactor.ts';
import type { Side } from '../stream-event.ts';
import { type ConversationLog, eventsOfEach, type LoggedEvent } from './conversation-log.ts';

const STAR = 0x2a;
/** Zeros that stand for missing bytes, so that a body of which some are missing is still found to its end. */
const ZEROS = new Uint8Array(64 * 1024);
/** Beyond this many missing bytes in one place, everything behind them is hidden. */
const GAP_BYTES_MAX = 16 * 1024 * 1024;

/** Overwrites in place what must not be kept. Lengths stay. */
export function redactLog(log: ConversationLog): void {
  for (const events of eventsOfEach(log).values()) redactConversation(events);
}

function redactConversation(events: readonly LoggedEvent[]): void {
  const redactors = createRedactor();
  /** Where each side is no longer known, because too much is missing. */
  const lostFrom: Record<Side, number> = {
    client: Number.POSITIVE_INFINITY,
    server: Number.POSITIVE_INFINITY,
  };
  for (const event of events) {
    if (event.type === 'chunk') redactors[event.from].take(event.bytes);
    if (event.type === 'gap') {
      if (event.length > GAP_BYTES_MAX) lostFrom[event.from] = Math.min(lostFrom[event.from], event.position);
      else skip(redactors[event.from], event.length);
    }
  }
  for (const side of ['client', 'server'] as const) redactors[side].end();
  /** Masks that lie before the chunks of each side that are still to be covered. */
  const done: Record<Side, number> = { client: 0, server: 0 };
  for (const event of events) {
    if (event.type !== 'chunk') continue;
    const { from: side, position, bytes } = event;
    const { masks, hiddenFrom } = redactors[side];
    const end = position + bytes.length;
    const cover = (from: number, to: number, byte: number): void => {
      bytes.fill(byte, Math.max(0, from - position), Math.max(0, to - position));
    };
    while (done[side] < masks.length && masks[done[side]]!.to <= position) done[side]++;
    for (let at = done[side]; at < masks.length && masks[at]!.from < end; at++) {
      const { from, to, byte } = masks[at]!;
      cover(from, to, byte);
    }
    cover(Math.min(hiddenFrom(), lostFrom[side]), Number.POSITIVE_INFINITY, STAR);
  }
}

function skip({ take }: Redactor, length: number): void {
  for (let left = length; left > 0; left -= ZEROS.length)
    take(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
}
