/**
 * A connection that is recorded. It behaves as the one it wraps, except that its bytes are recorded, and that it pauses
 * while the disk does not keep up.
 *
 * - A chunk is recorded before the subscriber gets it.
 * - A write is recorded at the call of `write`, not when it settles: by then an answer to it may have come. The comment
 *   on the RST says how many bytes never left. Writes after our side has ended are not recorded.
 * - While too much waits for the disk, nothing is read, and no write settles.
 *
 * Whatever goes wrong with the recording ends the recording, never the connection.
 */
import { AsyncSubject, Observable } from 'rxjs';
import { concatBytes } from '../../base/bytes.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import { otherSide } from '../other-side.ts';
import type { Side } from '../stream-event.ts';
import type { PacketWriter } from './packet-writer.ts';
import type { Spool } from './spool.ts';

export interface RecordingConnectionOptions {
  readonly connection: Connection;
  /** Which side of it the connection is. */
  readonly at: Side;
  readonly packets: PacketWriter;
  readonly spool: Spool;
  /** Called with an exception that recording threw; nothing more of this connection is recorded. */
  readonly failed: (thrown: unknown) => void;
  /** Called when the connection is over, and all of it is recorded. */
  readonly over: () => void;
}

type Settled = (fault?: ConnectionFault) => void;

interface RecordingState {
  readonly connection: Connection;
  readonly at: Side;
  readonly peer: Side;
  readonly packets: PacketWriter;
  readonly spool: Spool;
  readonly onFailed: (thrown: unknown) => void;
  readonly closed$: AsyncSubject<ConnectionFault | null>;
  /** Whether it is still recorded: recording has not failed. */
  isRecording: boolean;
  /** Whether the subscriber has paused the connection. */
  isPaused: boolean;
  isOver: boolean;
  /** Whether nothing is sent any more: our side was ended or destroyed, or a write has failed. */
  writesOver: boolean;
  /** Bytes that were recorded, and then settled with a fault. */
  unsent: number;
  /** Writes that have settled while the spool was full. The writing code bounds them, as the contract demands. */
  settling: [settled: Settled, fault: ConnectionFault | undefined][];
}

export function recordingConnection(options: RecordingConnectionOptions): Connection {
  const { connection, at, packets, spool } = options;
  const state: RecordingState = {
    connection,
    at,
    peer: otherSide[at],
    packets,
    spool,
    onFailed: options.failed,
    closed$: new AsyncSubject(),
    isRecording: true,
    isPaused: false,
    isOver: false,
    writesOver: false,
    unsent: 0,
    settling: [],
  };
  const stopWatching = spool.watch((full) => onFullChange(state, full));
  if (spool.isFull()) connection.pause();
  connection.closed$.subscribe((fault) => {
    stopWatching();
    recordSafely(state, () => recordClose(state, fault));
    state.isOver = true;
    options.over();
    settleAll(state);
    state.closed$.next(fault);
    state.closed$.complete();
  });
  return wrapped(state);
}

function wrapped(state: RecordingState): Connection {
  const { connection, spool } = state;
  const { id, local, remote, certificate, token } = connection;
  return {
    id,
    local,
    remote,
    ...(certificate && { certificate }),
    ...(token !== undefined && { token }),
    closed$: state.closed$.asObservable(),
    chunks$: recordedChunks(state),
    write: (chunks, settled) => write(state, chunks, settled),
    ...(connection.recycle && { recycle: (chunk, count) => connection.recycle?.(chunk, count) }),
    ...(connection.pinsMemory && { pinsMemory: () => connection.pinsMemory?.() ?? true }),
    pause() {
      state.isPaused = true;
      connection.pause();
    },
    resume() {
      state.isPaused = false;
      if (!spool.isFull()) connection.resume();
    },
    end() {
      if (!state.writesOver) recordSafely(state, () => state.packets.ended(state.at));
      state.writesOver = true;
      connection.end();
    },
    destroy() {
      state.writesOver = true;
      connection.destroy();
    },
  };
}

/** The chunks of the connection; each is recorded before the subscriber gets it. */
function recordedChunks(state: RecordingState): Observable<Uint8Array> {
  const { connection, packets, peer } = state;
  return new Observable((subscriber) =>
    connection.chunks$.subscribe({
      next: (chunk) => {
        recordSafely(state, () => packets.sent(peer, chunk));
        subscriber.next(chunk);
      },
      error: (fault: unknown) => {
        recordSafely(state, () => packets.broken(peer));
        subscriber.error(fault);
      },
      complete: () => {
        recordSafely(state, () => packets.ended(peer));
        subscriber.complete();
      },
    }),
  );
}

function write(state: RecordingState, chunks: readonly Uint8Array[], settled: Settled): void {
  const { connection, packets, at } = state;
  if (!state.isRecording || state.writesOver) {
    connection.write(chunks, (fault) => settle(state, settled, fault));
    return;
  }
  const bytes = joinSmall(chunks);
  recordSafely(state, () => {
    for (const chunk of bytes) packets.sent(at, chunk);
  });
  connection.write(chunks, (fault) => {
    if (fault !== undefined) {
      state.writesOver = true;
      for (const { length } of chunks) state.unsent += length;
    }
    settle(state, settled, fault);
  });
}

/** Records something. If that throws, the recording ends, and the connection goes on. */
function recordSafely(state: RecordingState, work: () => void): void {
  if (!state.isRecording) return;
  try {
    work();
  } catch (thrown) {
    state.isRecording = false;
    state.onFailed(thrown);
  }
}

function recordClose({ packets, at, peer, unsent }: RecordingState, fault: ConnectionFault | null): void {
  if (fault === null) {
    packets.ended(peer);
    packets.ended(at);
    return;
  }
  const lost = unsent === 0 ? '' : `; of what was sent here, up to ${unsent} bytes never left`;
  packets.reset(fault.code === 'destroyed' ? at : peer, `${fault.code}: ${fault.message}${lost}`);
}

/** Stops reading and settling while too much waits for the disk. */
function onFullChange(state: RecordingState, full: boolean): void {
  const { connection } = state;
  if (full) {
    connection.pause();
    return;
  }
  settleAll(state);
  if (!state.isPaused) connection.resume();
}

function settle(state: RecordingState, settled: Settled, fault: ConnectionFault | undefined): void {
  if (!state.isOver && (state.spool.isFull() || state.settling.length > 0)) {
    state.settling.push([settled, fault]);
  } else settled(fault);
}

function settleAll(state: RecordingState): void {
  const { settling } = state;
  state.settling = [];
  for (const [settled, fault] of settling) settled(fault);
}

/** Small chunks of one write are recorded in one packet, as TCP would send them. */
const JOINED_WRITE_BYTES_MAX = 32 * 1024;

function joinSmall(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  if (chunks.length < 2) return chunks;
  let total = 0;
  for (const { length } of chunks) total += length;
  if (total > JOINED_WRITE_BYTES_MAX) return chunks;
  return [concatBytes(chunks, total)];
}
