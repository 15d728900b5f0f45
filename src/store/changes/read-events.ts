/** Reads events: the last ones from memory, older ones from the segments. */
import { errnoOf } from '../disk/errno.ts';
import type { ChangeEvent } from './change-log.ts';
import type { LogFolder } from './log-folder.ts';
import { type Segment, segmentName } from './log-writer.ts';
import { type LogRecord, scanRecords } from './record.ts';

export interface EventReader {
  /** Takes events that are durable now, in their order. */
  add(events: readonly ChangeEvent[]): void;
  /** As `ChangeLog.read`. Rejects with system errors. */
  read(after: number, limit: number): Promise<readonly ChangeEvent[]>;
}

/** The last events, which most readers want: about a KiB each at the most. */
const RECENT_MAX = 1024;

/**
 * @param segments as the writer has them now.
 * @param damaged called for each segment that is read and has bytes which are no records, once.
 */
export function createEventReader(
  folder: LogFolder,
  segments: readonly Segment[],
  damaged: (serial: number, bytes: number) => void,
): EventReader {
  /** Bounded by the number of segments. */
  const told = new Set<number>();
  let recent: ChangeEvent[] = [];
  /** The events of the segment that was read last. Bounded by the size of a segment. */
  let cached:
    | { readonly serial: number; readonly bytes: number; readonly events: readonly ChangeEvent[] }
    | undefined;

  async function eventsOf(segment: Segment, end: number): Promise<readonly ChangeEvent[]> {
    const { serial, bytes } = segment;
    if (cached?.serial !== serial || cached.bytes !== bytes) {
      const { events, damage } = await readSegment(folder, segment);
      cached = { serial, bytes, events };
      if (damage > 0 && !told.has(serial)) {
        told.add(serial);
        damaged(serial, damage);
      }
    }
    // What a broken segment has behind its last good record is in the next one, if it counts.
    return cached.events.filter(({ sequence }) => sequence < end);
  }

  async function readOlder(after: number, limit: number): Promise<readonly ChangeEvent[]> {
    const found: ChangeEvent[] = [];
    // Some may be removed meanwhile.
    const now = [...segments];
    for (const [i, segment] of now.entries()) {
      const end = now[i + 1]?.first ?? Number.POSITIVE_INFINITY;
      if (end <= after + 1) continue;
      for (const event of await eventsOf(segment, end)) {
        if (event.sequence > after) found.push(event);
        if (found.length === limit) return found;
      }
      // One segment is enough for a page, if it has some.
      if (found.length > 0) return found;
    }
    return found;
  }

  return {
    add(events) {
      recent.push(...events);
      if (recent.length > 2 * RECENT_MAX) recent = recent.slice(-RECENT_MAX);
    },
    async read(after, limit) {
      const [first] = recent;
      if (first !== undefined && after + 1 >= first.sequence) {
        const skip = after + 1 - first.sequence;
        return recent.slice(skip, skip + limit);
      }
      return await readOlder(after, limit);
    },
  };
}

async function readSegment(
  folder: LogFolder,
  { serial, bytes }: Segment,
): Promise<{ readonly events: readonly ChangeEvent[]; readonly damage: number }> {
  const events: ChangeEvent[] = [];
  let damage = 0;
  try {
    const file = await folder.open(segmentName(serial));
    try {
      const scan = scanRecords<LogRecord>(await file.read(bytes), (record) => {
        if (record.kind !== 'event') return;
        const { kind: _, of: _of, ...event } = record;
        events.push(event);
      });
      damage = scan.damaged;
    } finally {
      file.close();
    }
  } catch (error) {
    // It was removed meanwhile, since every sink has passed it.
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  return { events, damage };
}
