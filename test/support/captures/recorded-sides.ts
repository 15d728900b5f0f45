/** The conversations of a capture file as `readStreams` reads them: the chunks and gaps of each side. */
import { captureFile } from '../../../src/capture/capture-file.ts';
import { readStreams } from '../../../src/capture/read-streams.ts';
import type { StreamChunk, StreamGap } from '../../../src/capture/stream-event.ts';
import type { Address } from '../../../src/transport/connection.ts';
import { missingText } from './tshark.ts';

export interface RecordedSide {
  /** `address:port`, without the brackets of IPv6. */
  readonly node: string;
  readonly port: number;
  /** Its chunks, and the gaps between them, in order. */
  readonly pieces: (StreamChunk | StreamGap)[];
}

export interface RecordedConversation {
  readonly index: number;
  readonly client: RecordedSide;
  readonly server: RecordedSide;
}

/** What one side sent, as Wireshark writes it where some of it is missing. */
export const asFollowed = (side: RecordedSide): Uint8Array =>
  Buffer.concat(
    side.pieces.map((piece) => {
      if (piece.type === 'chunk') return piece.bytes;
      return piece.reason === 'snapped'
        ? new Uint8Array(0)
        : Buffer.from(missingText(piece.length), 'latin1');
    }),
  );

/**
 * The same, as Wireshark writes it where segments were cut and came out of order: it may count cut bytes as missing, also
 * together with lost ones behind them.
 *
 * @param theirs what it writes, which is looked at for what it says in the places in question.
 */
export function asFollowedLike({ pieces }: RecordedSide, theirs: Uint8Array): Uint8Array {
  const all: Uint8Array[] = [];
  let at = 0;
  const add = (bytes: Uint8Array) => {
    all.push(bytes);
    at += bytes.length;
  };
  const says = (text: Uint8Array) => Buffer.compare(text, theirs.subarray(at, at + text.length)) === 0;
  /** Bytes that were cut in front of this place. */
  let cut = 0;
  const settle = (lost: number) => {
    const together = cut === 0 ? null : Buffer.from(missingText(cut + lost), 'latin1');
    if (together !== null && says(together)) add(together);
    else if (lost > 0) add(Buffer.from(missingText(lost), 'latin1'));
    cut = 0;
  };
  for (const piece of pieces) {
    if (piece.type === 'chunk') {
      settle(0);
      add(piece.bytes);
    } else if (piece.reason === 'snapped') cut += piece.length;
    else settle(piece.length);
  }
  settle(0);
  return Buffer.concat(all);
}

/** The conversations in the order of their first packets. */
export async function recordedConversations(file: string): Promise<RecordedConversation[]> {
  const all = new Map<number, RecordedConversation>();
  for await (const events of readStreams(captureFile(file))) {
    for (const event of events) {
      if (event.type === 'skipped') throw new Error(`packet ${event.packet} was skipped: ${event.message}`);
      if (!('conversation' in event)) continue;
      const { index, client, server } = event.conversation;
      const it = all.get(index) ?? { index, client: side(client), server: side(server) };
      all.set(index, it);
      if (event.type === 'chunk' || event.type === 'gap') it[event.from].pieces.push(event);
    }
  }
  return [...all.values()].sort((a, b) => a.index - b.index);
}

function side(address: Address): RecordedSide {
  const node = address.replace(/[[\]]/g, '');
  return { node, port: Number(node.slice(node.lastIndexOf(':') + 1)), pieces: [] };
}
