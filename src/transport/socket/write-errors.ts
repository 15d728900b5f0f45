/**
 * Keeps a failed write from taking the received bytes with it.
 *
 * A peer may send all it has, never read a reply, and close. Our next write then fails (EPIPE, ECONNRESET) while
 * what the peer sent may still lie unread in the kernel, which keeps it readable. A node stream knows only one
 * answer to a write error: it destroys the socket, both sides, and the unread bytes are gone for good.
 */
import type { Socket } from 'node:net';

type Done = (error?: Error | null) => void;

/**
 * From now on a write error stops only the writing: `failed` is called with the first one, and the stream sees that
 * write and all later ones as done. Reading goes on to its own end or error.
 *
 * It wraps `_write`, `_writev` and `_final` of this one socket. These are the documented methods by which a
 * `Writable` talks to the layer below it, and they are the last point before the stream reacts to an error. There is
 * no option for this (`net.Socket` sets `autoDestroy` itself, and an errored stream reads no further).
 */
export function keepReadingAfterWriteErrors(socket: Socket, failed: (error: Error) => void): void {
  let broken = false;
  const contained =
    (done: Done): Done =>
    (error) => {
      if (error && !broken) {
        broken = true;
        failed(error);
      }
      done();
    };

  const { _write: write, _writev: writev, _final: final } = socket;
  socket._write = (chunk, encoding, done) => {
    if (broken) done();
    else write.call(socket, chunk, encoding, contained(done));
  };
  if (writev !== undefined) {
    socket._writev = (chunks, done) => {
      if (broken) done();
      else writev.call(socket, chunks, contained(done));
    };
  }
  socket._final = (done) => {
    if (broken) done();
    else final.call(socket, contained(done));
  };
}
