/**
 * A connection that is recorded. It behaves as the one it wraps, except that its bytes are recorded, and that it pauses
 * while the disk does not keep up.
 *
 * - A chunk is recorded before the subscriber gets it, so its memory may be recycled afterwards.
 * - A write is recorded at the call of `write`, not when it settles: by then an answer to it may have come. The comment
 *   on the RST says how many bytes never left. Writes after our side has ended are not recorded.
 * - While too much waits for the disk, nothing is read, and no write settles.
 *
 * Whatever goes wrong with the recording ends the recording, never the connection.
 */
import { AsyncSubject, Observable } from 'rxjs';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import type { Side } from '../stream-event.ts';
import type { PacketWriter } from './packet-writer.ts';
import type { Spool } from './spool.ts';

export interface RecordingConnectionOptions {
  readonly connection: Connection;
  /** Which side of it the connection is. */
  readonly at: Side;
  readonly recorded: PacketWriter;
  readonly spool: Spool;
  /** Called with an exception that recording threw; nothing more of this connection is recorded. */
  readonly failed: (thrown: unknown) => void;
  /** Called when the connection is over, and all of it is recorded. */
  readonly over: () => void;
}

type Settled = (fault?: ConnectionFault) => void;

export function recordingConnection(options: RecordingConnectionOptions): Connection {
  const { connection, at, recorded, spool } = options;
  const peer: Side = at === 'server' ? 'client' : 'server';
  const closed$ = new AsyncSubject<ConnectionFault | null>();
  let recording = true;
  let paused = false;
  let over = false;
  /** Whether nothing is sent any more: our side was ended or destroyed, or a write has failed. */
  let writesOver = false;
  /** Bytes that were recorded, and then settled with a fault. */
  let unsent = 0;
  /** Writes that have settled while the spool was full. The writing code bounds them, as the contract demands. */
  let settling: [settled: Settled, fault: ConnectionFault | undefined][] = [];
  const stopWatching = spool.watch(onFullChange);
  if (spool.isFull()) connection.pause();

  function recordSafely(work: () => void): void {
    if (!recording) return;
    try {
      work();
    } catch (thrown) {
      recording = false;
      options.failed(thrown);
    }
  }

  function onFullChange(full: boolean): void {
    if (full) {
      connection.pause();
      return;
    }
    settleAll();
    if (!paused) connection.resume();
  }

  function settleAll(): void {
    const now = settling;
    settling = [];
    for (const [settled, fault] of now) settled(fault);
  }

  function settle(settled: Settled, fault: ConnectionFault | undefined): void {
    if (!over && (spool.isFull() || settling.length > 0)) settling.push([settled, fault]);
    else settled(fault);
  }

  connection.closed$.subscribe((fault) => {
    stopWatching();
    recordSafely(() => {
      if (fault === null) {
        recorded.ended(peer);
        recorded.ended(at);
        return;
      }
      const lost = unsent === 0 ? '' : `; of what was sent here, up to ${unsent} bytes never left`;
      recorded.reset(fault.code === 'destroyed' ? at : peer, `${fault.code}: ${fault.message}${lost}`);
    });
    over = true;
    options.over();
    settleAll();
    closed$.next(fault);
    closed$.complete();
  });

  const { id, local, remote, certificate } = connection;
  return {
    id,
    local,
    remote,
    ...(certificate && { certificate }),
    closed$: closed$.asObservable(),
    chunks$: new Observable((subscriber) =>
      connection.chunks$.subscribe({
        next: (chunk) => {
          recordSafely(() => recorded.sent(peer, chunk));
          subscriber.next(chunk);
        },
        error: (fault: unknown) => {
          recordSafely(() => recorded.broken(peer));
          subscriber.error(fault);
        },
        complete: () => {
          recordSafely(() => recorded.ended(peer));
          subscriber.complete();
        },
      }),
    ),
    write(chunks, settled) {
      if (!recording || writesOver) {
        connection.write(chunks, (fault) => settle(settled, fault));
        return;
      }
      const bytes = joinSmall(chunks);
      recordSafely(() => {
        for (const chunk of bytes) recorded.sent(at, chunk);
      });
      connection.write(chunks, (fault) => {
        if (fault !== undefined) {
          writesOver = true;
          for (const { length } of chunks) unsent += length;
        }
        settle(settled, fault);
      });
    },
    ...(connection.recycle && {
      recycle: (chunk: Uint8Array, count: number) => connection.recycle?.(chunk, count),
    }),
    ...(connection.pinsMemory && { pinsMemory: () => connection.pinsMemory?.() ?? true }),
    pause() {
      paused = true;
      connection.pause();
    },
    resume() {
      paused = false;
      if (!spool.isFull()) connection.resume();
    },
    end() {
      if (!writesOver) recordSafely(() => recorded.ended(at));
      writesOver = true;
      connection.end();
    },
    destroy() {
      writesOver = true;
      connection.destroy();
    },
  };
}

/** Small chunks of one write are recorded in one packet, as TCP would send them. */
const JOINED_WRITE_BYTES_MAX = 32 * 1024;

function joinSmall(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  if (chunks.length < 2) return chunks;
  let total = 0;
  for (const { length } of chunks) total += length;
  if (total > JOINED_WRITE_BYTES_MAX) return chunks;
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return [bytes];
}
