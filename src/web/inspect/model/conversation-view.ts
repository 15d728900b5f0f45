/** A conversation as it is drawn: objects made of its rows, with links between chunks and frames. */
import { concatBytes } from '../../../base/bytes.ts';
import { CHUNK_FIELDS, FRAME_FIELDS, FRAME_STATES, type SideName } from '../data/page-data.ts';
import {
  type Chunk,
  type Conflict,
  type Fault,
  type Frame,
  firstWhere,
  type Gap,
  type Lane,
} from './items.ts';
import type { ConversationRecord, SideRecord } from './recording.ts';

export interface ConversationView {
  readonly it: ConversationRecord;
  readonly lanes: Readonly<Record<SideName, Lane>>;
  /** The greatest position, and the greatest time. */
  readonly bytes: number;
  readonly duration: number;
}

export function viewOf(it: ConversationRecord): ConversationView {
  const lanes = { client: laneOf('client', it.sides.client), server: laneOf('server', it.sides.server) };
  const bytes = Math.max(1, lanes.client.bytes, lanes.server.bytes);
  return { it, lanes, bytes, duration: Math.max(1, it.duration) };
}

function laneOf(side: SideName, given: SideRecord): Lane {
  const chunks = chunksOf(side, given.chunks);
  const timeAt = (position: number, otherwise: number): number =>
    chunks[firstWhere(chunks, ({ end }) => end > position)]?.time ?? otherwise;
  const frames = framesOf(side, given, chunks);
  groupByTime(frames);
  link(chunks, frames);
  const gaps = given.gaps.map(([position, length, reason], at): Gap => {
    const time = timeAt(position, 0);
    return { kind: 'gap', side, at, position, end: position + length, time, reason };
  });
  const faults = given.faults.map(([position, code, message, time, packet], at): Fault => {
    return { kind: 'fault', side, at, position, end: position, time, code, message, packet };
  });
  const conflicts = given.conflicts.map(([position, length, packet], at): Conflict => {
    const time = timeAt(position, 0);
    return { kind: 'conflict', side, at, position, end: position + length, time, packet };
  });
  const { counts, density } = given;
  return {
    ...{ chunks, frames, gaps, faults, conflicts, counts, density },
    bytes: counts.bytes + counts.missing,
    chunkBytes: concatBytes(given.chunkBytes),
    frameBytes: concatBytes(given.frameBytes),
  };
}

function chunksOf(side: SideName, pieces: readonly Float64Array[]): Chunk[] {
  const chunks: Chunk[] = [];
  let sample = 0;
  for (const rows of pieces) {
    for (let at = 0; at < rows.length; at += CHUNK_FIELDS) {
      const [position, captured] = [rows[at]!, rows[at + 2]!];
      const sampleFrom = sample;
      sample += rows[at + 5]!;
      chunks.push({
        kind: 'chunk',
        side,
        at: chunks.length,
        position,
        end: position + rows[at + 1]!,
        captured,
        time: rows[at + 3]!,
        packet: rows[at + 4]!,
        sampleFrom,
        sampleTo: sample,
        from: 0,
        to: 0,
      });
    }
  }
  return chunks;
}

function framesOf(side: SideName, { frames: pieces, labels }: SideRecord, chunks: readonly Chunk[]): Frame[] {
  const frames: Frame[] = [];
  let sample = 0;
  /** The first chunk that ends behind the beginning of the frame: both lists are sorted by position. */
  let first = 0;
  for (const rows of pieces) {
    for (let at = 0; at < rows.length; at += FRAME_FIELDS) {
      const field = (nth: number): number => rows[at + nth]!;
      const [position, head, length] = [field(1), field(2), field(3)];
      const [captured, time] = [field(4), field(5)];
      const sampleFrom = sample;
      sample += field(13);
      while (first < chunks.length && chunks[first]!.end <= position) first++;
      frames.push({
        kind: 'frame',
        side,
        at: frames.length,
        number: field(0),
        position,
        head,
        length,
        end: position + head + length,
        captured,
        began: Math.min(time, chunks[first]?.time ?? captured),
        time,
        chunks: field(6),
        firstShared: field(7),
        lastShared: field(8),
        missing: field(9),
        state: FRAME_STATES[field(10)]!,
        firstPacket: field(11),
        lastPacket: field(12),
        label: labels[frames.length] ?? '',
        sampleFrom,
        sampleTo: sample,
        of: 1,
        nth: 0,
      });
    }
  }
  return frames;
}

/** Tells each chunk which frames have bytes in it: both lists are sorted by position. */
function link(chunks: readonly Chunk[], frames: readonly Frame[]): void {
  let from = 0;
  let to = 0;
  for (const chunk of chunks) {
    while (from < frames.length && frames[from]!.end <= chunk.position) from++;
    while (to < frames.length && frames[to]!.position < chunk.end) to++;
    chunk.from = from;
    chunk.to = to;
  }
}

/** Frames that began at the same time know how many they are. */
function groupByTime(frames: readonly Frame[]): void {
  for (let from = 0; from < frames.length; ) {
    let to = from + 1;
    while (to < frames.length && frames[to]!.began === frames[from]!.began) to++;
    for (let i = from; i < to; i++) {
      frames[i]!.of = to - from;
      frames[i]!.nth = i - from;
    }
    from = to;
  }
}
