/** The message of a comparison that failed: what differs, frame by frame, and how to see it again. */
import { describeValue } from '../capture/replay/difference.ts';
import { type LiveResult, verdictOf } from '../capture/replay/live-result.ts';
import { type Chunking, chunkingInWords } from '../capture/replay/rechunk.ts';
import type { ReplyDifference } from '../capture/replay/replies.ts';

export interface FailureFacts {
  readonly failed: readonly LiveResult[];
  /** Exceptions of the service that each cost a connection. */
  readonly thrown: readonly unknown[];
  readonly chunking: Chunking;
  readonly ignore: readonly string[] | undefined;
}

/** The most characters of a reply that are shown. */
const REPLY_LENGTH_MAX = 300;
const [CONVERSATIONS_SHOWN, THROWN_SHOWN] = [5, 3];

export function describeFailure({ failed, thrown, chunking, ignore }: FailureFacts): string {
  const more = failed.length - CONVERSATIONS_SHOWN;
  return [
    ...failed.slice(0, CONVERSATIONS_SHOWN).flatMap(describeConversation),
    ...(more > 0 ? [`and ${more} more conversations`] : []),
    ...thrown.slice(0, THROWN_SHOWN).map((it) => `thrown: ${describeThrown(it)}`),
    howCut(chunking),
    ...(ignore === undefined || ignore.length === 0 ? [] : [`not compared: ${ignore.join(', ')}`]),
  ].join('\n');
}

function describeConversation(result: LiveResult): string[] {
  const { conversation, differences, more, fault, compared } = result;
  const { index, client, server } = conversation;
  return [
    `conversation ${index} (${client} to ${server}) ${VERDICTS[verdictOf(result)]}`,
    ...differences.flatMap(describeDifference),
    ...(more > 0 ? [`  and ${more} more differences`] : []),
    ...(fault === null ? [] : [`  ${fault.message}${fault.code === 'stalled' ? STALLED_HINT : ''}`]),
    ...(compared === 0 ? ['  nothing could be compared'] : []),
  ];
}

const STALLED_HINT = ' (the option stall says how long to wait)';

const VERDICTS = {
  same: 'is answered as recorded',
  different: 'is not answered as recorded:',
  failed: 'could not be replayed to its end:',
  incomplete:
    'could not be compared to its end: the recording lacks packets, or its replies are framed otherwise (allowIncomplete: true compares what there is):',
} as const;

/** The sentence about the frame, and both frames when it does not say all of them. */
function describeDifference({ kind, message, packet, expected, got, fields }: ReplyDifference): string[] {
  const where = packet === null ? '' : ` (packet ${packet})`;
  const isSaid = kind !== 'header' || Object.keys(expected as object).length <= fields.length;
  if (isSaid) return [`  ${message}${where}`];
  return [
    `  ${message}${where}`,
    `    recorded: ${describeValue(expected, REPLY_LENGTH_MAX)}`,
    `    now:      ${describeValue(got, REPLY_LENGTH_MAX)}`,
  ];
}

const describeThrown = (thrown: unknown): string =>
  thrown instanceof Error ? (thrown.stack ?? thrown.message) : describeValue(thrown);

function howCut(chunking: Chunking): string {
  if (typeof chunking === 'string')
    return 'cut as recorded, so this does not depend on how the bytes are cut';
  return `as recorded it is the same; cut otherwise (${chunkingInWords(chunking)}) it is not. To cut it so again: { seed: ${chunking.seed}, runs: 1 }`;
}

/** The message when no conversation was replayed. */
export const describeNothing = (name: string, conversation: number | null): string =>
  conversation === null
    ? `${name} has no conversation`
    : `${name} has no conversation ${conversation}; they are counted from 0`;
