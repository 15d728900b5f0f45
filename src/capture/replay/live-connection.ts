/** The connection of a replay to its live server: what comes is compared, and what is sent must be taken. */
import type { Connection } from '../../transport/connection.ts';
import { connectionFault } from '../../transport/connection-fault.ts';
import { fail, isOver, type ReplayClientState } from './replay-client-state.ts';

/** Bytes of the live server that may wait for the recording, before its connection is paused. */
const LIVE_BYTES_WAITING_MAX = 4 * 1024 * 1024;
/** Bytes that may be written and not settled, before the replay waits for the server to take them. */
const UNSETTLED_BYTES_MAX = 1024 * 1024;

/** Compares what the live server sends, and notes how the connection ends. */
export function listen(client: ReplayClientState, connection: Connection): void {
  const { comparison, waits } = client;
  connection.chunks$.subscribe({
    next(chunk) {
      client.received += chunk.length;
      comparison.live(chunk);
      pauseIfAhead(client);
      waits.recheck();
    },
    complete() {
      client.serverEnded = true;
      comparison.liveEnd();
      waits.recheck();
    },
    error(error: unknown) {
      client.connectionFault = connectionFault(error);
      comparison.liveEnd();
      waits.recheck();
    },
  });
  connection.closed$.subscribe((fault) => {
    client.connectionClosed = true;
    client.connectionFault ??= fault;
    waits.recheck();
  });
}

/** Pauses a server that is far ahead of the recording, until the recording catches up. */
export function pauseIfAhead(client: ReplayClientState): void {
  const waiting = client.comparison.liveBytesWaiting();
  // A server that does not take what is sent may be waiting until its replies are read.
  if (client.isWriteWaiting || client.isClosing) return resume(client);
  if (!client.paused && waiting > LIVE_BYTES_WAITING_MAX) {
    client.paused = true;
    client.connection?.pause();
  } else if (client.paused && waiting < LIVE_BYTES_WAITING_MAX / 2) resume(client);
}

export function resume(client: ReplayClientState): void {
  if (!client.paused) return;
  client.paused = false;
  client.connection?.resume();
}

/** Sends the piece that is being put together, although it is not complete. */
export async function flush(client: ReplayClientState): Promise<void> {
  const last = client.rechunker.flush();
  if (last !== null) await write(client, last);
}

/** Sends bytes. Resolves when the server has taken nearly all of them, or never will. */
export async function write(client: ReplayClientState, bytes: Uint8Array): Promise<void> {
  const { connection, waits, stall } = client;
  if (isOver(client) || connection === null) return;
  client.sent += bytes.length;
  client.unsettled += bytes.length;
  let settled = 0;
  connection.write([bytes], (fault) => {
    settled++;
    client.unsettled -= bytes.length;
    if (fault !== undefined) client.connectionFault ??= fault;
    waits.recheck();
  });
  const isTaken = () => client.unsettled <= UNSETTLED_BYTES_MAX || isOver(client);
  if (isTaken()) return;
  client.isWriteWaiting = true;
  pauseIfAhead(client);
  if (!(await waits.until(isTaken, () => client.received + settled))) {
    fail(client, { code: 'stalled', message: `the server has taken nothing for ${stall / 1000} s` });
  }
  client.isWriteWaiting = false;
}
