/**
 * The events of a recording as JSON, one object an event. Times are nanoseconds since 1970, as strings of digits, since
 * JSON numbers are not exact enough. Beside each is the same time in ISO 8601, under its name with `Iso`.
 */
import { type InspectEvent, isCoalesced, isSplit } from '../../capture/inspect/inspect-event.ts';
import { isoTime } from '../../capture/inspect/words.ts';

/** The fields whose values are times. */
const TIME_FIELDS = ['startedAt', 'capturedAt', 'deliverableAt', 'endedAt'];
/** How many bytes of a chunk are shown by default. */
export const CHUNK_BYTES = 64;

/**
 * @param chunkBytes how many bytes of a chunk are in its `hex` at most.
 * @example jsonOf(gap) // { type: 'gap', conversation: 0, from: 'client', position: 10, length: 3, reason: 'lost' }
 */
export function jsonOf(event: InspectEvent, chunkBytes = CHUNK_BYTES): Record<string, unknown> {
  if (!('conversation' in event)) return { ...event };
  const { type, conversation, ...fields } = event;
  const of = { type, conversation: conversation.index };
  switch (event.type) {
    case 'open': {
      const { client, server, startedAt, opening } = conversation;
      return { ...of, ...withTimes({ client, server, startedAt, opening }) };
    }
    case 'chunk': {
      const { bytes, ...others } = fields as Omit<typeof event, 'type' | 'conversation'>;
      return {
        ...of,
        ...withTimes({ ...others, length: bytes.length }),
        hex: hexOf(bytes.subarray(0, chunkBytes)),
      };
    }
    case 'frame': {
      const { sample, ...others } = fields as Omit<typeof event, 'type' | 'conversation'>;
      return {
        ...of,
        ...withTimes(others),
        glued: isCoalesced(event),
        cut: isSplit(event),
        hex: hexOf(sample),
      };
    }
    default:
      return { ...of, ...withTimes(fields) };
  }
}

const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

function withTimes(fields: object): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    all[name] = typeof value === 'bigint' ? String(value) : value;
    if (typeof value === 'bigint' && TIME_FIELDS.includes(name)) all[`${name}Iso`] = isoTime(value);
  }
  return all;
}
