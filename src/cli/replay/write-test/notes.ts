/** Sentences about what the capture of a test lacks. */
import { formatBytes, plainCountOf } from '../../../base/units.ts';
import type { ConversationLog, LoggedConversation } from '../../../capture/trim/conversation-log.ts';

/** The most conversations that are named. */
const NAMED_MAX = 5;

/**
 * @param log what the capture has.
 * @param whole what was selected, before conversations of other protocols were left out.
 */
export function noteLines(log: ConversationLog, whole: ConversationLog, maxBytes: number): string[] {
  const { conversations } = log;
  const kept = new Set(conversations);
  const others = whole.conversations.filter((it) => !kept.has(it));
  const cut = conversations.some(({ isCut }) => isCut);
  const lacking = conversations.flatMap((it, index) => lackingLines(it, index));
  return [
    ...lacking.slice(0, NAMED_MAX),
    ...(lacking.length > NAMED_MAX ? [`${lacking.length - NAMED_MAX} more conversations lack packets.`] : []),
    ...(cut ? [`Only the first ${formatBytes(maxBytes)} are kept: what follows is not tested.`] : []),
    ...(whole.fault === null
      ? []
      : [`The recording is read up to byte ${whole.fault.position}: it is ${whole.fault.code} there.`]),
    ...(others.length > 0
      ? [`${plainCountOf(others.length, 'conversation')} of another protocol left out.`]
      : []),
    ...(whole.leftOut > 0
      ? [
          `${plainCountOf(whole.leftOut, 'conversation')} beyond the first ${whole.conversations.length} left out.`,
        ]
      : []),
  ];
}

function lackingLines({ missing, recorded }: LoggedConversation, index: number): readonly string[] {
  const lacks = (['client', 'server'] as const)
    .filter((side) => missing[side] > 0)
    .map((side) => `${plainCountOf(missing[side], 'byte')} of the ${side}`);
  if (recorded.opening === 'midstream') lacks.push('its beginning');
  if (lacks.length === 0) return [];
  return [`The recording of conversation ${index} lacks ${lacks.join(' and ')}: what it has is compared.`];
}
