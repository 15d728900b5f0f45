/** The texts of `sluice replay`: the result of each conversation, and the totals. */
import { formatBytes, plainCountOf } from '../../base/units.ts';
import { type LiveResult, verdictOf } from '../../capture/replay/live-result.ts';
import type { ReplyDifference } from '../../capture/replay/replies.ts';
import type { Conversation } from '../../capture/stream-event.ts';
import type { ServerEvent } from '../../server/event.ts';
import { printable } from '../shared/format.ts';
import type { Output } from '../shared/output.ts';

export interface Counts {
  readonly conversations: number;
  readonly same: number;
  readonly different: number;
  readonly failed: number;
  readonly incomplete: number;
  /** Replies that arrived, and those that could be compared. Unframed replies are compared in bytes. */
  readonly replies: number;
  readonly compared: number;
  readonly sent: number;
  readonly received: number;
}

export const noCounts: Counts = {
  conversations: 0,
  same: 0,
  different: 0,
  failed: 0,
  incomplete: 0,
  replies: 0,
  compared: 0,
  sent: 0,
  received: 0,
};

export function addResult(counts: Counts, result: LiveResult): Counts {
  const verdict = verdictOf(result);
  return {
    ...counts,
    conversations: counts.conversations + 1,
    [verdict]: counts[verdict] + 1,
    replies: counts.replies + result.replies,
    compared: counts.compared + result.compared,
    sent: counts.sent + result.sent,
    received: counts.received + result.received,
  };
}

/** Nanoseconds since 1970 as local time of day, to the microsecond. @example '09:05:01.000123' */
export function clockInWords(nanos: bigint): string {
  const date = new Date(Number(nanos / 1_000_000n));
  const two = (value: number) => String(value).padStart(2, '0');
  const micros = String((nanos / 1000n) % 1_000_000n).padStart(6, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${micros}`;
}

const conversationInWords = ({ index, client, server }: Conversation): string =>
  `conversation ${index}, ${client} to ${server}`;

function differenceInWords({ message, packet, at }: ReplyDifference): string {
  const where = packet === null || at === null ? '' : ` (packet ${packet}, ${clockInWords(at)})`;
  return `  ${printable(message)}${where}`;
}

/** The lines for one conversation. */
export function resultInWords(result: LiveResult): string[] {
  const { conversation, sent, received, replies, differences, more, fault } = result;
  const answered = replies === 0 ? '' : `, ${replies} ${replies === 1 ? 'reply' : 'replies'}`;
  const went = `sent ${formatBytes(sent)}, received ${formatBytes(received)}${answered}`;
  const from = conversation.opening === 'midstream' ? '  its beginning is not in the recording' : null;
  return [
    `${conversationInWords(conversation)}: ${verdictOf(result)} (${went})`,
    ...(from === null ? [] : [from]),
    ...differences.map(differenceInWords),
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...(fault === null ? [] : [`  ${printable(fault.message)}`]),
  ];
}

export function countsInWords(counts: Counts): string {
  const { conversations, same, different, failed, incomplete } = counts;
  const parts = [
    `${same} the same`,
    ...(different > 0 ? [`${different} different`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(incomplete > 0 ? [`${incomplete} incomplete`] : []),
  ];
  return `${conversations} ${conversations === 1 ? 'conversation' : 'conversations'}: ${parts.join(', ')}`;
}

/** Converts a value for JSON: bytes to hexadecimal, and times in nanoseconds to text, since they are beyond 2^53. */
const jsonValue = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value ?? null, (_, inner: unknown) => {
      if (typeof inner === 'bigint') return String(inner);
      if (inner instanceof Uint8Array) return Buffer.from(inner).toString('hex');
      return inner;
    }),
  );

export function resultAsJson(result: LiveResult): Record<string, unknown> {
  const { conversation, differences, ...rest } = result;
  const { index, client, server } = conversation;
  return {
    event: 'conversation',
    conversation: index,
    client,
    server,
    verdict: verdictOf(result),
    ...rest,
    differences: differences.map(jsonValue),
  };
}

/** Describes an event of the replayed server in a line; null for events without one. */
export function eventInWords(event: ServerEvent, conversation: number): string | null {
  const of = ` (conversation ${conversation})`;
  switch (event.type) {
    case 'stored':
      return `stored ${printable(event.filename)} (${formatBytes(event.size)})${of}`;
    case 'refused': {
      const what = [event.cmd, event.filename].filter((it) => it !== undefined).join(' ');
      return `refused ${printable(`${what === '' ? '' : `${what}: `}${event.error.message}`)}${of}`;
    }
    case 'served':
      return CHANGING_COMMANDS.has(event.cmd) ? `${event.cmd} ${printable(event.filename ?? '')}${of}` : null;
    default:
      return null;
  }
}

/** The commands that change stored files, besides `put`. */
const CHANGING_COMMANDS: ReadonlySet<string> = new Set(['delete', 'rename', 'cancel']);

export function printEvent(event: ServerEvent, conversation: number, output: Output): void {
  const { type, ...rest } = event as ServerEvent & { connection?: string };
  const { connection: _, ...facts } = rest;
  output.json({ event: type, conversation, ...(jsonValue(facts) as object) });
}

export interface StoredCounts {
  conversations: number;
  files: number;
  bytes: number;
  refused: number;
  brokeOff: number;
}

export function storedInWords({ conversations, files, bytes, refused, brokeOff }: StoredCounts): string {
  const parts = [
    `${conversations} ${conversations === 1 ? 'conversation' : 'conversations'}`,
    `${plainCountOf(files, 'file')} stored, ${formatBytes(bytes)}`,
    ...(refused > 0 ? [`${refused} refused`] : []),
    ...(brokeOff > 0 ? [`${brokeOff} broke off`] : []),
  ];
  return parts.join('; ');
}
