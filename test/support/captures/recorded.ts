/** Makes recordings for tests, and reads them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { captureFile } from '../../../src/capture/capture-file.ts';
import { readStreams } from '../../../src/capture/read-streams.ts';
import { type RecordEnd, type RecordOptions, record } from '../../../src/capture/record/record.ts';
import type { Side, StreamEvent } from '../../../src/capture/stream-event.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { once } from '../../transport/connection-helpers.ts';
import { tempFolder } from '../stores/temp-folder.ts';

export interface Recorded {
  readonly path: string;
  readonly ends: readonly RecordEnd[];
}

/**
 * Records the traffic at the server's end of a pair during `exchange`, until that end is over.
 *
 * @param exchange gets the client's end, and the server's as the recorder has wrapped it.
 */
export async function recorded(
  exchange: (client: Connection, server: Connection) => Promise<unknown>,
  { ends: pair, ...options }: RecordOptions & { readonly ends?: [Connection, Connection] } = {},
): Promise<Recorded> {
  const path = join(tempFolder(), 'recorded.pcapng');
  const recorder = record(path, options);
  const ends: RecordEnd[] = [];
  recorder.ends$.subscribe((end) => ends.push(end));
  const [client, server] = pair ?? memoryPair();
  const wrapped = recorder.wrap(server);
  const over = once(wrapped.closed$);
  await exchange(client, wrapped);
  await over;
  await recorder.close();
  return { path, ends };
}

/** Reads a recording: the bytes of each side, and all events. */
export async function streamsOf(path: string) {
  const events: StreamEvent[] = [];
  for await (const batch of readStreams(captureFile(path), { checksums: 'verify' })) events.push(...batch);
  const bytesOf = (side: Side): Buffer =>
    Buffer.concat(events.flatMap((it) => (it.type === 'chunk' && it.from === side ? [it.bytes] : [])));
  return { events, client: bytesOf('client'), server: bytesOf('server') };
}

/** The comments of a recording. They are found by the number of their option, without a reader from `src/`. */
export function commentsIn(path: string): string[] {
  const bytes = readFileSync(path);
  const comments: string[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + 4)) {
    if (bytes.readUInt32LE(at) !== 6) continue;
    const end = at + bytes.readUInt32LE(at + 4) - 4;
    let option = at + 28 + Math.ceil(bytes.readUInt32LE(at + 20) / 4) * 4;
    for (; option < end && bytes.readUInt16LE(option) !== 0; ) {
      const length = bytes.readUInt16LE(option + 2);
      if (bytes.readUInt16LE(option) === 1)
        comments.push(bytes.toString('utf8', option + 4, option + 4 + length));
      option += 4 + Math.ceil(length / 4) * 4;
    }
  }
  return comments;
}
