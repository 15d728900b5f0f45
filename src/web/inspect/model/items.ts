/** What is drawn of a conversation, and pointed at. */
import type { PageDensity, SideCounts, SideName } from '../data/page-data.ts';

interface Placed {
  readonly side: SideName;
  /** Its index in the list of its lane. */
  readonly at: number;
  readonly position: number;
  readonly end: number;
  readonly time: number;
}

interface Sampled {
  /** Where its first bytes are in those of its lane. */
  readonly sampleFrom: number;
  readonly sampleTo: number;
}

export interface Chunk extends Placed, Sampled {
  readonly kind: 'chunk';
  readonly captured: number;
  readonly packet: number;
  /** The frames with bytes in it that are shown: indexes from, up to and without. */
  from: number;
  to: number;
}

export interface Frame extends Placed, Sampled {
  readonly kind: 'frame';
  readonly number: number;
  readonly head: number;
  readonly length: number;
  readonly captured: number;
  /** When its first byte could be delivered; its last could at `time`. */
  readonly began: number;
  readonly chunks: number;
  readonly firstShared: number;
  readonly lastShared: number;
  readonly missing: number;
  readonly state: string;
  readonly firstPacket: number;
  readonly lastPacket: number;
  readonly label: string;
  /** Frames that began at the same time: how many, and which of them this is. */
  of: number;
  nth: number;
}

export interface Gap extends Placed {
  readonly kind: 'gap';
  readonly reason: string;
}

/** Where the framing is lost, or found again. */
export interface Fault extends Placed {
  readonly kind: 'fault';
  readonly code: string;
  readonly message: string;
  readonly packet: number;
}

/** The code of a mark that is no fault: frames are found again from there on. */
export const FOUND_AGAIN = 'found-again';

export const nameOfFault = ({ code }: Fault): string =>
  code === FOUND_AGAIN ? 'frames again' : `fault: ${code}`;

/** The faults without the marks among them that are none, each with where frames are found again behind it. */
export const lossesOf = ({ faults }: Pick<Lane, 'faults'>): { fault: Fault; again: Fault | undefined }[] =>
  faults.flatMap((fault, at) => {
    const next = faults[at + 1];
    const again = next?.code === FOUND_AGAIN ? next : undefined;
    return fault.code === FOUND_AGAIN ? [] : [{ fault, again }];
  });

/** Bytes that came twice, and differed. */
export interface Conflict extends Placed {
  readonly kind: 'conflict';
  readonly packet: number;
}

export type Item = Chunk | Frame | Gap | Fault | Conflict;
export type ItemKind = Item['kind'];

export interface Lane {
  readonly chunks: readonly Chunk[];
  readonly frames: readonly Frame[];
  readonly gaps: readonly Gap[];
  readonly faults: readonly Fault[];
  readonly conflicts: readonly Conflict[];
  readonly counts: SideCounts;
  /** Bytes from its beginning to its end, gaps included. */
  readonly bytes: number;
  /** The items that have no row, counted. */
  readonly density: PageDensity | null;
  readonly chunkBytes: Uint8Array;
  readonly frameBytes: Uint8Array;
}

/** The first bytes of a chunk or a frame, as far as they are there. */
export function sampleOf(lane: Lane, item: Chunk | Frame): Uint8Array {
  const bytes = item.kind === 'chunk' ? lane.chunkBytes : lane.frameBytes;
  return bytes.subarray(item.sampleFrom, item.sampleTo);
}

/** Whether a frame shares a chunk with others. */
export const isGlued = ({ firstShared, lastShared }: Frame): boolean => firstShared > 0 || lastShared > 0;

export const isCut = ({ chunks }: Frame): boolean => chunks > 1;

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
