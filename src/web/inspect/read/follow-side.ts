/** Gathers the bytes of one side of a recorded connection, as they were sent. */
import { concatBytes, unshared } from '../../../base/bytes.ts';
import { formatCount, formatCountOf } from '../../../base/units.ts';
import type { Capture } from '../../../capture/capture.ts';
import { isCaptureFault } from '../../../capture/capture-fault.ts';
import { readStreams } from '../../../capture/read-streams.ts';
import type { StreamEvent } from '../../../capture/stream-event.ts';
import type { SideName } from '../data/page-data.ts';

/** Bytes that are handed to the browser at a time. It keeps them outside of the memory of scripts, on the disk if need be. */
const PIECE_BYTES = 8 * 1024 * 1024;

export interface FollowedSide {
  readonly blob: Blob;
  readonly first: Uint8Array;
  readonly note: string;
}

interface Following {
  readonly conversation: number;
  readonly side: SideName;
  pieces: Blob[];
  held: Uint8Array<ArrayBuffer>[];
  heldBytes: number;
  first: Uint8Array[];
  firstBytes: number;
  missing: number;
  missingAt: number;
  isOver: boolean;
}

/** @param firstMax how many of the first bytes are wanted beside. */
export async function followSide(
  capture: Capture,
  conversation: number,
  side: SideName,
  firstMax: number,
): Promise<FollowedSide> {
  const following: Following = {
    ...{ conversation, side, pieces: [], held: [], heldBytes: 0, first: [], firstBytes: 0 },
    ...{ missing: 0, missingAt: 0, isOver: false },
  };
  let fault = '';
  try {
    for await (const events of readStreams(capture)) {
      for (const event of events) take(following, event, firstMax);
      if (following.isOver) break;
    }
  } catch (thrown) {
    if (!isCaptureFault(thrown)) throw thrown;
    fault = `The reading ended early: ${thrown.message}`;
  }
  setDown(following);
  const { missing, missingAt, pieces, first } = following;
  const gaps =
    missing === 0
      ? ''
      : `${formatCountOf(missing, 'byte')} ${missing === 1 ? 'is' : 'are'} not in the recording, the first at ${formatCount(missingAt)}.`;
  return {
    blob: new Blob(pieces),
    first: concatBytes(first),
    note: [gaps, fault].filter(Boolean).join(' '),
  };
}

function take(following: Following, event: StreamEvent, firstMax: number): void {
  if (!('conversation' in event) || event.conversation.index !== following.conversation) return;
  const { side } = following;
  if (event.type === 'chunk' && event.from === side) {
    // A copy: the chunk is a view of a block of the file.
    const bytes = unshared(event.bytes.slice());
    following.held.push(bytes);
    following.heldBytes += bytes.length;
    if (following.firstBytes < firstMax) {
      const some = bytes.subarray(0, firstMax - following.firstBytes);
      following.first.push(some);
      following.firstBytes += some.length;
    }
    if (following.heldBytes >= PIECE_BYTES) setDown(following);
  } else if (event.type === 'gap' && event.from === side) {
    if (following.missing === 0) following.missingAt = event.position;
    following.missing += event.length;
  } else if (event.type === 'close' || event.type === 'reset') following.isOver = true;
  else if (event.type === 'end' && event.from === side) following.isOver = true;
}

function setDown(following: Following): void {
  if (following.held.length > 0) following.pieces.push(new Blob(following.held));
  following.held = [];
  following.heldBytes = 0;
}
