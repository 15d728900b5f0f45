/** The end of the table: the totals, and facts that belong to no conversation's block. */
import { formatCount, formatCountOf } from '../../base/units.ts';
import { type InspectEvent, isCoalesced, isSplit } from '../../capture/inspect/inspect-event.ts';
import type { PacketsUnread } from '../../capture/stream-event.ts';
import { printable } from '../shared/format.ts';
import { afterResetInWords, fragmentConflictInWords, unreadInWords, wrapped } from './words.ts';

/** The most reasons for unread packets, and differing fragments, that get a line each. */
const UNREAD_SHOWN = 10;
const CONFLICTS_SHOWN = 5;
/** The most conversations with a line about packets after their block; further ones are only in the sum. */
const LATE_SHOWN = 100;

export interface Sum {
  take(event: InspectEvent): void;
  /** The lines; none when there was no conversation and no unread packet. */
  lines(): string[];
}

/** @param columns to which it is wrapped; absent: the sum is one line, and what follows it has 100. */
export function createSum(columns: number | undefined): Sum {
  const sums = {
    conversations: 0,
    frames: 0,
    glued: 0,
    cut: 0,
    gaps: 0,
    faults: 0,
    conflicts: 0,
    ignored: 0,
    after: { packets: 0, bytes: 0 },
  };
  const open = new Set<number>();
  /** Packets behind the resets of closed conversations, in words. */
  const late: string[] = [];
  /** Differing IP fragments, in words. */
  const differing: string[] = [];
  let unread: PacketsUnread | null = null;

  function take(event: InspectEvent): void {
    switch (event.type) {
      case 'open':
        sums.conversations++;
        open.add(event.conversation.index);
        return;
      case 'frame':
        sums.frames++;
        sums.glued += isCoalesced(event) ? 1 : 0;
        sums.cut += isSplit(event) ? 1 : 0;
        return;
      case 'gap':
        sums.gaps++;
        return;
      case 'fault':
        sums.faults++;
        return;
      case 'conflict':
        sums.conflicts++;
        return;
      case 'fragment-conflict':
        sums.conflicts++;
        if (differing.length < CONFLICTS_SHOWN) differing.push(fragmentConflictInWords(event));
        return;
      case 'ignored':
        sums.ignored++;
        return;
      case 'after-reset': {
        const { packets, bytes, firstPacket, conversation } = event;
        sums.after.packets += packets;
        sums.after.bytes += bytes;
        if (open.has(conversation.index) || late.length >= LATE_SHOWN) return;
        late.push(`#${conversation.index}: ${afterResetInWords(event)}, from packet ${firstPacket} on`);
        return;
      }
      case 'close':
        open.delete(event.conversation.index);
        return;
      case 'unread':
        unread = event;
    }
  }

  function lines(): string[] {
    const { conversations, frames, glued, cut, gaps, faults, conflicts, ignored, after } = sums;
    if (conversations === 0 && unread === null) return [];
    const totals = [
      formatCountOf(conversations, 'conversation'),
      `${formatCountOf(frames, 'frame')}${frames > 0 ? ` (${glued} glued, ${cut} cut)` : ''}`,
      formatCountOf(gaps, 'gap'),
      formatCountOf(faults, 'fault'),
      ...(conflicts > 0 ? [formatCountOf(conflicts, 'conflict')] : []),
      ...(ignored > 0 ? [`${formatCount(ignored)} ignored`] : []),
      ...(after.packets > 0
        ? [`${formatCountOf(after.packets, 'packet')} (${formatCountOf(after.bytes, 'byte')}) after a reset`]
        : []),
      ...(unread === null ? [] : [`${formatCountOf(unread.packets, 'packet')} not read`]),
    ].join(', ');
    return [
      ...late.flatMap((text) => indented(text, '')),
      ...(columns === undefined ? [totals] : wrapped(totals, columns)),
      ...differing.flatMap((text) => indented(text, '  ')),
      ...(unread === null ? [] : unreadInWords(unread, UNREAD_SHOWN)).flatMap((text) => indented(text, '  ')),
    ];
  }

  /** Text in lines behind an indent, the first of them less. */
  function indented(text: string, indent: string): string[] {
    const [first, ...more] = wrapped(printable(text), (columns ?? 100) - indent.length - 2);
    return [`${indent}${first}`, ...more.map((line) => `${indent}  ${line}`)];
  }

  return { take, lines };
}
