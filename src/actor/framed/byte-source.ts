/**
 * The bytes of a connection, for the messages of one codec after the other. The connection is read while a message is
 * wanted, and paused else: then it emits one more chunk at the most.
 */
import { Subscription } from 'rxjs';
import { createFifo, type Fifo } from '../../base/fifo.ts';
import type { Connection } from '../../transport/connection.ts';
import { connectionError } from '../../transport/connection-error.ts';

/** How the input, or the messages in it, have ended: with the peer's end (null), or an error. */
export interface Ending {
  readonly error: Error | null;
}

/** Who takes the bytes. */
export interface ByteReader {
  readonly isWanted: () => boolean;
  /** Called when bytes have come, or the end. */
  readonly pump: () => void;
}

export interface ByteSource {
  readonly connection: Connection;
  /** Chunks that are not decoded, the first of them from `at` on. */
  readonly chunks: Fifo<Uint8Array>;
  at: number;
  /** The end of the input, behind the chunks. */
  end: Ending | null;
  /** Null once the connection is no longer read. */
  reader: ByteReader | null;
  reading: Subscription | null;
}

export const createByteSource = (connection: Connection): ByteSource => ({
  connection,
  chunks: createFifo(),
  at: 0,
  end: null,
  reader: null,
  reading: null,
});

/** Reads the connection while its reader wants a message, and pauses it else. */
export function listen(source: ByteSource): void {
  const { connection, reader } = source;
  if (reader === null) return;
  if (!reader.isWanted()) return connection.pause();
  connection.resume();
  if (source.reading !== null) return;
  const reading = new Subscription();
  source.reading = reading;
  const ended = (error: Error | null): void => {
    source.end ??= { error };
    source.reader?.pump();
  };
  reading.add(
    connection.chunks$.subscribe({
      next: (chunk) => {
        source.chunks.push(chunk);
        source.reader?.pump();
      },
      complete: () => ended(null),
      error: (error: unknown) => ended(connectionError(error)),
    }),
  );
}

/** Moves on to an offset of the first chunk. */
export function advanceTo(source: ByteSource, at: number): void {
  const { chunks, connection } = source;
  const chunk = chunks.first()!;
  source.at = at;
  if (at < chunk.length) return;
  chunks.shift();
  source.at = 0;
  connection.recycle?.(chunk, chunk.length);
}

/** The bytes that have come, and that nobody has decoded. */
export function unreadBytes({ chunks, at }: ByteSource): number {
  let bytes = -at;
  for (const chunk of chunks) bytes += chunk.length;
  return bytes;
}

/** The bytes mean nothing any more, to any codec: the connection is dropped. */
export function failSource(source: ByteSource, error: Error): void {
  source.chunks.clear();
  source.at = 0;
  source.end = { error };
  source.connection.destroy();
}

/** Stops reading for good, and leaves the connection as it is. */
export function release(source: ByteSource): void {
  source.reader = null;
  source.reading?.unsubscribe();
}
