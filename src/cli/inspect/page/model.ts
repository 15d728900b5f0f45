/** The conversations as the page works with them: objects made of rows, with links between chunks and frames. */
import { browser } from './browser.ts';
import type { PageConversation, PageSide, PageSideName } from './page-data.ts';

export interface Chunk {
  readonly kind: 'chunk';
  readonly side: PageSideName;
  readonly at: number;
  readonly position: number;
  readonly end: number;
  readonly captured: number;
  readonly time: number;
  readonly packet: number;
  readonly bytes: Uint8Array;
  /** The frames with bytes in it that are shown: indexes from, up to and without. */
  from: number;
  to: number;
}

export interface Frame {
  readonly kind: 'frame';
  readonly side: PageSideName;
  readonly at: number;
  readonly number: number;
  readonly position: number;
  readonly head: number;
  readonly length: number;
  readonly end: number;
  readonly captured: number;
  /** When its first byte could be delivered, and its last. */
  readonly began: number;
  readonly time: number;
  readonly chunks: number;
  readonly firstShared: number;
  readonly lastShared: number;
  readonly missing: number;
  readonly state: string;
  readonly firstPacket: number;
  readonly lastPacket: number;
  readonly label: string;
  readonly bytes: Uint8Array;
  /** Frames that began at the same time: how many, and which of them this is. */
  of: number;
  nth: number;
}

export interface Gap {
  readonly kind: 'gap';
  readonly side: PageSideName;
  readonly at: number;
  readonly position: number;
  readonly end: number;
  readonly time: number;
  readonly reason: string;
}

export interface Fault {
  readonly kind: 'fault';
  readonly side: PageSideName;
  readonly at: number;
  readonly position: number;
  readonly end: number;
  readonly time: number;
  readonly code: string;
  readonly message: string;
  readonly packet: number;
}

export type Item = Chunk | Frame | Gap | Fault;

export interface Lane {
  readonly chunks: readonly Chunk[];
  readonly frames: readonly Frame[];
  readonly gaps: readonly Gap[];
  readonly faults: readonly Fault[];
  readonly counts: PageSide['counts'];
  /** Bytes from its beginning to its end, gaps included. */
  readonly bytes: number;
}

export interface ConversationView {
  readonly it: PageConversation;
  readonly lanes: Readonly<Record<PageSideName, Lane>>;
  /** The greatest position, and the greatest time. */
  readonly bytes: number;
  readonly duration: number;
}

export const sideNames: readonly PageSideName[] = ['client', 'server'];

const unpacked = (base64: string): Uint8Array =>
  Uint8Array.from(browser.atob(base64), (character) => character.charCodeAt(0));

/** The index of the first element with a property that all elements behind it have as well. */
export function firstWhere<T>(list: readonly T[], holds: (one: T) => boolean): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(list[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function laneOf(side: PageSideName, given: PageSide): Lane {
  const chunks = given.chunks.map(
    ([position, length, captured, time, packet, bytes], at): Chunk => ({
      kind: 'chunk',
      side,
      at,
      position,
      end: position + length,
      captured,
      time,
      packet,
      bytes: unpacked(bytes),
      from: 0,
      to: 0,
    }),
  );
  const timeAt = (position: number, otherwise: number): number =>
    chunks[firstWhere(chunks, ({ end }) => end > position)]?.time ?? otherwise;
  const frames = given.frames.map((row, at): Frame => {
    const [number, position, head, length, captured, time, count, firstShared, lastShared] = row;
    const [, , , , , , , , , missing, state, firstPacket, lastPacket, label, bytes] = row;
    return {
      kind: 'frame',
      side,
      at,
      number,
      position,
      head,
      length,
      end: position + head + length,
      captured,
      began: Math.min(time, timeAt(position, captured)),
      time,
      chunks: count,
      firstShared,
      lastShared,
      missing,
      state,
      firstPacket,
      lastPacket,
      label: label ?? '',
      bytes: unpacked(bytes),
      of: 1,
      nth: 0,
    };
  });
  for (let from = 0; from < frames.length; ) {
    let to = from + 1;
    while (to < frames.length && frames[to]!.began === frames[from]!.began) to++;
    for (let i = from; i < to; i++) Object.assign(frames[i]!, { of: to - from, nth: i - from });
    from = to;
  }
  for (const chunk of chunks) {
    chunk.from = firstWhere(frames, ({ end }) => end > chunk.position);
    chunk.to = firstWhere(frames, ({ position }) => position >= chunk.end);
  }
  const gaps = given.gaps.map(([position, length, reason], at): Gap => {
    const time = timeAt(position, 0);
    return { kind: 'gap', side, at, position, end: position + length, time, reason };
  });
  const faults = given.faults.map(([position, code, message, time, packet], at): Fault => {
    return { kind: 'fault', side, at, position, end: position, time, code, message, packet };
  });
  const { counts } = given;
  return { chunks, frames, gaps, faults, counts, bytes: counts.bytes + counts.missing };
}

export function viewOf(it: PageConversation): ConversationView {
  const lanes = { client: laneOf('client', it.sides.client), server: laneOf('server', it.sides.server) };
  const bytes = Math.max(1, lanes.client.bytes, lanes.server.bytes);
  return { it, lanes, bytes, duration: Math.max(1, it.duration) };
}
