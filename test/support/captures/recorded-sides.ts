/** The conversations of a capture file as `readStreams` reads them: the chunks and gaps of each side. */
import { captureFile } from '../../../src/capture/capture-file.ts';
import { readStreams } from '../../../src/capture/read-streams.ts';
import type { StreamChunk, StreamGap } from '../../../src/capture/stream-event.ts';
import type { Address } from '../../../src/transport/connection.ts';

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
