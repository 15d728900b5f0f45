/** A conversation of the list as JSON. */
import { isoTime } from '../../../capture/inspect/words.ts';
import { durationOf, type Listed } from './listed.ts';

/** Times and the duration are nanoseconds as strings, as in the JSON of events. */
export function listedJson(listed: Listed): Record<string, unknown> {
  const { conversation, protocol, client, server, faults, gaps, endedAt, closed } = listed;
  const { index, startedAt, opening } = conversation;
  return {
    type: 'conversation',
    conversation: index,
    protocol,
    client: conversation.client,
    server: conversation.server,
    opening,
    startedAt: String(startedAt),
    startedAtIso: isoTime(startedAt),
    endedAt: String(endedAt),
    endedAtIso: isoTime(endedAt),
    duration: String(durationOf(listed)),
    bytes: { client: client.bytes, server: server.bytes },
    frames: { client: client.frames, server: server.frames },
    faults,
    gaps,
    closed,
  };
}
