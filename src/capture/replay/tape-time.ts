/** When something in a recording happens, as far as it has a time. */
import type { StreamEvent } from '../stream-event.ts';

/** In nanoseconds since 1970; null for what has no time of its own, and happens with what was before it. */
export function timeOf(event: StreamEvent): bigint | null {
  switch (event.type) {
    case 'open':
      return event.conversation.startedAt;
    case 'chunk':
    case 'end':
    case 'reset':
      return event.deliverableAt;
    default:
      return null;
  }
}
