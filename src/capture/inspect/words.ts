/** Facts about a recording in words. Times are in nanoseconds since 1970. */
import { formatCount, formatCountOf } from '../../base/units.ts';
import type {
  AfterReset,
  CloseReason,
  FragmentConflict,
  GapReason,
  PacketIgnored,
  PacketsUnread,
  StreamConflict,
} from '../stream-event.ts';
import type { FoundAgain, FramingReason, InspectedFault } from './inspect-event.ts';

const NANOS = 1_000_000_000n;

/** @example isoTime(1_700_000_000_123_456_789n) // '2023-11-14T22:13:20.123456789Z' */
export function isoTime(nanos: bigint): string {
  const second = nanos / NANOS;
  const date = second === lastSecond && nanos >= 0n ? lastDate : dateAndTime(nanos);
  if (date === null) return '?';
  lastSecond = nanos >= 0n ? second : null;
  lastDate = date;
  return `${date}.${String(nanos % NANOS).padStart(9, '0')}Z`;
}

/** The second that was formatted last, and its text: most times of a recording are in the one of the time before. */
let lastSecond: bigint | null = null;
let lastDate = '';

function dateAndTime(nanos: bigint): string | null {
  const date = new Date(Number(nanos / 1_000_000n));
  return Number.isNaN(date.getTime()) ? null : date.toISOString().slice(0, 19);
}

/**
 * @param how says a framing, in the words of who asks: the options of a command, say.
 * @example framingInWords('dns', 'port', '--preset says one') // "framed as dns, by the server's port"
 */
export function framingInWords(name: string | null, reason: FramingReason, how: string): string {
  if (name === null) return reason === 'asked' ? 'no frames, as asked' : `no framing is known for it: ${how}`;
  return `framed as ${name}, ${FRAMING_REASONS[reason]}`;
}

const FRAMING_REASONS: Readonly<Record<FramingReason, string>> = {
  asked: 'as asked',
  port: "by the server's port",
  bytes: 'by its first bytes',
  unknown: '',
};

export const gapInWords: Readonly<Record<GapReason, string>> = {
  lost: 'not in the recording',
  snapped: 'cut off by the snap length',
  limit: 'given up: too much waited behind it',
};

export function faultInWords({ code, message, position, ascii }: InspectedFault): string {
  const seen = ascii === '' ? '' : `: |${ascii}|`;
  return `${code} at ${formatCount(position)}: ${message}${seen}`;
}

/** @example foundAgainInWords(event) // 'frames again from 12,345 on, in packet 31; passed over: 1,203 bytes, and 1,448 missing' */
export function foundAgainInWords({ position, reason, skipped, missing, packet }: FoundAgain): string {
  const again = reason === 'gap' ? 'frames again' : 'the recording begins in the middle; frames';
  const passed = [
    ...(skipped > 0 || missing === 0 ? [formatCountOf(skipped, 'byte')] : []),
    ...(missing > 0 ? [`${formatCount(missing)} missing`] : []),
  ];
  return `${again} from ${formatCount(position)} on, in packet ${packet}; passed over: ${passed.join(', and ')}`;
}

export const conflictInWords = ({ position, length, packet }: StreamConflict): string =>
  `bytes came twice and differed: ${formatCountOf(length, 'byte')} from ${formatCount(position)} on, in packet ${packet}`;

/** @example ignoredInWords(event) // 'a RST in packet 5, at 899,999, outside of the window, so that it ends nothing' */
export function ignoredInWords({ why, packet, position, length }: PacketIgnored): string {
  if (why === 'stale') {
    const what = length === 0 ? 'a FIN' : formatCountOf(length, 'byte');
    const they = length > 1 ? 'they acknowledge' : 'it acknowledges';
    return `${what} in packet ${packet}, left out: ${they} what was before this connection`;
  }
  const where = position === null ? '' : `, at ${formatCount(position)}`;
  return `a RST in packet ${packet}${where}, ${IGNORED_REASONS[why]}`;
}

const IGNORED_REASONS: Readonly<Record<Exclude<PacketIgnored['why'], 'stale'>, string>> = {
  outside: 'outside of the window, so that it ends nothing',
  inside: 'in the window but not at the next byte, ended nothing: the connection went on',
  outlived: 'where it counts, ended nothing: what was sent after it was acknowledged',
  unasked: 'which does not acknowledge the SYN, ends nothing',
};

/** @example afterResetInWords({ packets: 7, bytes: 417 }) // '7 packets, 417 bytes after the reset' */
export const afterResetInWords = ({ packets, bytes }: Pick<AfterReset, 'packets' | 'bytes'>): string =>
  `${formatCountOf(packets, 'packet')}, ${formatCountOf(bytes, 'byte')} after the reset`;

/** @example fragmentConflictInWords(event) // 'IPv4: packet with id 7: fragments overlap and differ, …, in packet 2' */
export const fragmentConflictInWords = ({ message, packet }: FragmentConflict): string =>
  `${message}, in packet ${packet}`;

/** Words that `after 1.5 s` can follow. */
export const closeInWords: Readonly<Record<CloseReason, string>> = {
  ended: 'ended',
  reset: 'reset',
  reused: 'addresses used again',
  evicted: 'given up, as too many were open,',
  unfinished: 'still open when the recording ended,',
};

/**
 * Describes the reasons why packets are in no stream, the most frequent first, and how many packets have other reasons.
 *
 * @example unreadInWords(unread, 1) // ['100 packets: UDP, port 4789, perhaps VXLAN', '20 packets for other reasons']
 */
export function unreadInWords({ packets, reasons }: PacketsUnread, shownMax: number): string[] {
  // A single further reason is shown too: it takes no more room than the line about other reasons.
  const shown = reasons.slice(0, reasons.length === shownMax + 1 ? shownMax + 1 : shownMax);
  const unshown = shown.reduce((left, reason) => left - reason.packets, packets);
  return [
    ...shown.map((reason) => `${formatCountOf(reason.packets, 'packet')}: ${reason.message}`),
    ...(unshown > 0 ? [`${formatCountOf(unshown, 'packet')} for other reasons`] : []),
  ];
}
