/** The end of the table: the totals, and the facts that are in no conversation's block. */
import { formatCount, formatCountOf } from '../../base/units.ts';
import { type InspectEvent, isCoalesced, isSplit } from '../../capture/inspect/inspect-event.ts';
import { afterResetInWords, fragmentConflictInWords, unreadInWords } from '../../capture/inspect/words.ts';
import type { AfterReset, PacketsUnread } from '../../capture/stream-event.ts';
import { printable } from '../shared/format.ts';
import { wrapped } from './words.ts';

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

/** The counts of one recording, and the facts that get a line each. */
interface SumState {
  /** The width to which lines are wrapped; undefined when stdout is no terminal. */
  readonly columns: number | undefined;
  readonly counts: Counts;
  /** The indices of the conversations that are open. The reassembly bounds how many are. */
  readonly open: Set<number>;
  /** Packets behind the resets of closed conversations, in words. At most `LATE_SHOWN`. */
  readonly late: string[];
  /** Differing IP fragments, in words. At most `CONFLICTS_SHOWN`. */
  readonly differing: string[];
  unread: PacketsUnread | null;
}

interface Counts {
  conversations: number;
  frames: number;
  glued: number;
  cut: number;
  gaps: number;
  faults: number;
  conflicts: number;
  ignored: number;
  packetsAfterReset: number;
  bytesAfterReset: number;
}

/** @param columns the width to which all is wrapped; undefined: the totals are one line, and other lines have 100. */
export function createSum(columns: number | undefined): Sum {
  const sum: SumState = {
    columns,
    counts: {
      conversations: 0,
      frames: 0,
      glued: 0,
      cut: 0,
      gaps: 0,
      faults: 0,
      conflicts: 0,
      ignored: 0,
      packetsAfterReset: 0,
      bytesAfterReset: 0,
    },
    open: new Set(),
    late: [],
    differing: [],
    unread: null,
  };
  return { take: (event) => take(sum, event), lines: () => lines(sum) };
}

function take(sum: SumState, event: InspectEvent): void {
  const { counts, differing, open } = sum;
  switch (event.type) {
    case 'open':
      counts.conversations++;
      open.add(event.conversation.index);
      return;
    case 'frame':
      counts.frames++;
      counts.glued += isCoalesced(event) ? 1 : 0;
      counts.cut += isSplit(event) ? 1 : 0;
      return;
    case 'gap':
      counts.gaps++;
      return;
    case 'fault':
      counts.faults++;
      return;
    case 'conflict':
      counts.conflicts++;
      return;
    case 'fragment-conflict':
      counts.conflicts++;
      if (differing.length < CONFLICTS_SHOWN) differing.push(fragmentConflictInWords(event));
      return;
    case 'ignored':
      counts.ignored++;
      return;
    case 'after-reset':
      addAfterReset(sum, event);
      return;
    case 'close':
      open.delete(event.conversation.index);
      return;
    case 'unread':
      sum.unread = event;
  }
}

function addAfterReset({ counts, late, open }: SumState, event: AfterReset): void {
  const { packets, bytes, firstPacket, conversation } = event;
  counts.packetsAfterReset += packets;
  counts.bytesAfterReset += bytes;
  if (open.has(conversation.index) || late.length >= LATE_SHOWN) return;
  late.push(`#${conversation.index}: ${afterResetInWords(event)}, from packet ${firstPacket} on`);
}

function lines({ columns, counts, differing, late, unread }: SumState): string[] {
  if (counts.conversations === 0 && unread === null) return [];
  const totals = totalsInWords(counts, unread);
  const notRead = unread === null ? [] : unreadInWords(unread, UNREAD_SHOWN);
  return [
    ...late.flatMap((text) => indented(text, '', columns)),
    ...(columns === undefined ? [totals] : wrapped(totals, columns)),
    ...differing.flatMap((text) => indented(text, '  ', columns)),
    ...notRead.flatMap((text) => indented(text, '  ', columns)),
  ];
}

function totalsInWords(counts: Counts, unread: PacketsUnread | null): string {
  const { conversations, frames, glued, cut, gaps, faults, conflicts, ignored } = counts;
  const { packetsAfterReset, bytesAfterReset } = counts;
  const bytes = formatCountOf(bytesAfterReset, 'byte');
  return [
    formatCountOf(conversations, 'conversation'),
    `${formatCountOf(frames, 'frame')}${frames > 0 ? ` (${glued} glued, ${cut} cut)` : ''}`,
    formatCountOf(gaps, 'gap'),
    formatCountOf(faults, 'fault'),
    ...(conflicts > 0 ? [formatCountOf(conflicts, 'conflict')] : []),
    ...(ignored > 0 ? [`${formatCount(ignored)} ignored`] : []),
    ...(packetsAfterReset > 0
      ? [`${formatCountOf(packetsAfterReset, 'packet')} (${bytes}) after a reset`]
      : []),
    ...(unread === null ? [] : [`${formatCountOf(unread.packets, 'packet')} not read`]),
  ].join(', ');
}

/** Wraps a text into lines behind an indent; all but the first are indented by two columns more. */
function indented(text: string, indent: string, columns = 100): string[] {
  const [first, ...more] = wrapped(printable(text), columns - indent.length - 2);
  return [`${indent}${first}`, ...more.map((line) => `${indent}  ${line}`)];
}
