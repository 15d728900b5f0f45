/**
 * Leaves out replies that are not whole where a recording, or its client, broke off: a server that is asked again sends
 * all of them, which would be a difference.
 */
import { initialDeframeState, step } from '../../wire/deframe/deframe-step.ts';
import type { Framing } from '../../wire/framing.ts';
import {
  type ConversationLog,
  eventsOfEach,
  type LoggedConversation,
  type LoggedEvent,
} from './conversation-log.ts';

/** Conversations whose server has ended its side keep all that it sent: it had no more to say. */
export function onlyWholeReplies(log: ConversationLog, framing: () => Framing<unknown>): ConversationLog {
  const wholeUpTo = new Map<LoggedConversation, number>();
  for (const [of, events] of eventsOfEach(log)) {
    const end = endOfLastWhole(events, framing());
    if (end !== null) wholeUpTo.set(of, end);
  }
  if (wholeUpTo.size === 0) return log;
  return { ...log, events: log.events.flatMap((event) => upTo(event, wholeUpTo.get(event.of))) };
}

/** The position behind the last whole reply, when there is something behind it; null when all is to be kept. */
function endOfLastWhole(events: readonly LoggedEvent[], framing: Framing<unknown>): number | null {
  let state = initialDeframeState<unknown>();
  let sent = 0;
  let frameEnd = 0;
  let whole = 0;
  for (const event of events) {
    if (event.type === 'open' || event.from !== 'server') continue;
    if (event.type === 'end' || event.type === 'gap') return null;
    if (event.type !== 'chunk') continue;
    const stepped = step(framing, state, event.bytes);
    state = stepped.state;
    sent += event.bytes.length;
    for (const frame of stepped.events) {
      if (frame.type === 'fault' && frame.fault.fatal) return null;
      if (frame.type === 'start') frameEnd = frame.position + frame.head + frame.length;
      if (frame.type === 'frame') whole = frame.position + frame.head + frame.body.length;
      if (frame.type === 'end') whole = frameEnd;
    }
  }
  return whole < sent ? whole : null;
}

/** The event without bytes of the server from a position on; nothing when it has no others. */
function upTo(event: LoggedEvent, end: number | undefined): readonly LoggedEvent[] {
  if (end === undefined || event.type === 'open') return [event];
  if (event.from === 'client') {
    return event.type === 'chunk' && event.seen !== null && event.seen > end
      ? [{ ...event, seen: end }]
      : [event];
  }
  if (event.type !== 'chunk') return [{ ...event, position: Math.min(event.position, end) }];
  if (event.position >= end) return [];
  return [{ ...event, bytes: event.bytes.subarray(0, end - event.position) }];
}
