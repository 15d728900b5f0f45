/** The recording as far as it has been read: the updates, put together. */
import {
  CHUNK_FIELDS,
  type ConversationUpdate,
  type PageConflict,
  type PageDensity,
  type PageFault,
  type PageGap,
  type PageUpdate,
  type SideCounts,
  type SideName,
  type SideUpdate,
} from '../data/page-data.ts';

export interface SideRecord {
  /** In the pieces in which they came. */
  readonly chunks: Float64Array[];
  readonly frames: Float64Array[];
  readonly chunkBytes: Uint8Array[];
  readonly frameBytes: Uint8Array[];
  readonly labels: string[];
  /** The number of chunks that have a row. */
  chunkRows: number;
  readonly gaps: PageGap[];
  readonly faults: PageFault[];
  readonly conflicts: PageConflict[];
  counts: SideCounts;
  density: PageDensity | null;
}

export interface ConversationRecord extends Omit<ConversationUpdate, 'sides'> {
  readonly sides: Readonly<Record<SideName, SideRecord>>;
  /** Another number once something has changed. */
  readonly version: number;
}

export interface Recording extends Omit<PageUpdate, 'conversations'> {
  /** In the order of their indexes. */
  readonly conversations: readonly ConversationRecord[];
}

export const noRecording = (name: string): Recording => ({
  name,
  fault: null,
  unread: [],
  differing: [],
  totals: { conversations: 0, frames: 0, chunks: 0, gaps: 0, faults: 0, conflicts: 0, ignored: 0 },
  conversations: [],
});

export interface RecordingStore {
  readonly recording: () => Recording;
  /** Adds what is new, and returns the recording with it. */
  readonly add: (update: PageUpdate) => Recording;
}

export function createRecordingStore(name: string): RecordingStore {
  let recording = noRecording(name);
  /** Where each conversation is in the list, by its index. */
  const places = new Map<number, number>();
  return {
    recording: () => recording,
    add(update) {
      const conversations = [...recording.conversations];
      for (const it of update.conversations) {
        const place = places.get(it.index);
        if (place === undefined) {
          places.set(it.index, conversations.length);
          conversations.push(withUpdate(null, it));
        } else conversations[place] = withUpdate(conversations[place]!, it);
      }
      recording = { ...update, conversations };
      return recording;
    },
  };
}

const noSide = (): Omit<SideRecord, 'counts' | 'density'> => ({
  chunks: [],
  frames: [],
  chunkBytes: [],
  frameBytes: [],
  labels: [],
  chunkRows: 0,
  gaps: [],
  faults: [],
  conflicts: [],
});

function withUpdate(old: ConversationRecord | null, update: ConversationUpdate): ConversationRecord {
  const sides = {
    client: sideWith(old?.sides.client ?? null, update.sides.client),
    server: sideWith(old?.sides.server ?? null, update.sides.server),
  };
  return { ...update, sides, version: (old?.version ?? 0) + 1 };
}

/** Lists grow in place: there may be many updates, and long lists. */
function sideWith(old: SideRecord | null, update: SideUpdate): SideRecord {
  const side = old ?? { ...noSide(), counts: update.counts, density: null };
  for (const key of ['chunks', 'frames'] as const) if (update[key].length > 0) side[key].push(update[key]);
  for (const key of ['chunkBytes', 'frameBytes'] as const)
    if (update[key].length > 0) side[key].push(update[key]);
  side.chunkRows += update.chunks.length / CHUNK_FIELDS;
  for (const label of update.labels) side.labels.push(label);
  side.gaps.push(...update.gaps);
  side.faults.push(...update.faults);
  side.conflicts.push(...update.conflicts);
  side.counts = update.counts;
  side.density = update.density;
  return side;
}

/** What a list of conversations says of one. */
export interface ConversationSummary {
  readonly bytes: number;
  readonly frames: number;
  readonly chunks: number;
  readonly glued: number;
  readonly cut: number;
  readonly gaps: number;
  readonly faults: number;
  readonly conflicts: number;
  readonly retransmitted: number;
}

export function summaryOf({ sides: { client, server } }: ConversationRecord): ConversationSummary {
  const [a, b] = [client.counts, server.counts];
  return {
    bytes: a.bytes + b.bytes,
    frames: a.frames + b.frames,
    chunks: a.chunks + b.chunks,
    glued: a.glued + b.glued,
    cut: a.cut + b.cut,
    gaps: a.gaps + b.gaps,
    faults: a.faults + b.faults,
    conflicts: a.conflicts + b.conflicts,
    retransmitted: a.retransmitted + b.retransmitted,
  };
}
