/**
 * Sends files to a peer that never replies: a server of a dozen lines that reads a length, a header and a body.
 *
 * The headers are exactly `{"cmd", "filename", "filesize"}`. The peer confirms nothing. The sender can know only that
 * the peer took every byte and ended its side in good order.
 */
import { Observable, type Subscriber } from 'rxjs';
import { createFifo } from '../../base/fifo.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import { connectionFault } from '../../transport/connection-fault.ts';
import { CONNECTION, check, MILLISECONDS, TEXT } from '../../wire/argument.ts';
import { ClientError } from '../client-fault.ts';
import { type ContentSource, checkSource, holdContent } from '../content/hold-content.ts';
import { createFrameSender } from './frame-sender.ts';
import {
  beginPut,
  createPut,
  endIfDone,
  failAll,
  nextToSend,
  type QueuedPut,
  type SenderState,
  type UnacknowledgedPutEvent,
} from './unacknowledged-put.ts';

/** Sends files to a peer that never replies: what `createUnacknowledgedSender` returns. */
export interface UnacknowledgedSender {
  /**
   * Sends content under a name, behind the puts before it. Errors with a `ClientError`: `content` when the content
   * cannot be read as promised, `connection` when the connection breaks. Content that fails, or an unsubscription in
   * the middle of the body, ends our side of the connection in the middle of the frame, since the frame cannot be
   * completed.
   */
  readonly put: (filename: string, content: ContentSource) => Observable<UnacknowledgedPutEvent>;
  /**
   * Ends our side once all is sent, and waits for the peer to end its own. Emits true when the peer did, false when it
   * had not after `linger` milliseconds (the sender then drops the connection), and completes. Errors with a
   * `ClientError` when the connection breaks.
   */
  readonly end: (linger: number) => Observable<boolean>;
  /** Drops the connection now; every put that is not sent fails. */
  readonly destroy: () => void;
}

const DROPPED: ConnectionFault = {
  code: 'destroyed',
  message: 'the connection was dropped, since a put on it broke off',
};

/**
 * Makes a sender of a connection, which belongs to it from then on. It reads the peer's bytes and ignores them.
 *
 * @example
 * const sender = createUnacknowledgedSender(connection);
 * concat(sender.put('a.txt', bytesContent(bytes)), sender.end(5_000)).subscribe({
 *   error: (error) => console.error(error.message),
 * });
 */
export function createUnacknowledgedSender(connection: Connection): UnacknowledgedSender {
  check('createUnacknowledgedSender: its connection', connection, CONNECTION);
  const sender = createState(connection);
  connection.chunks$.subscribe({ error: (error: unknown) => failAll(sender, connectionFault(error)) });
  connection.closed$.subscribe((fault) =>
    failAll(sender, fault ?? { code: 'reset', message: 'the peer is gone' }),
  );
  return {
    put: (filename, content) => {
      // The peer cannot refuse a bad name.
      check('put: the filename', filename, TEXT);
      checkSource(content);
      return new Observable((subscriber) => {
        const { open, giveUp } = holdContent(content);
        const cancel = beginPut(sender, createPut(sender, filename, open, subscriber));
        return () => {
          cancel();
          giveUp();
        };
      });
    },
    end: (linger) => {
      check('end: the time to wait', linger, MILLISECONDS);
      return new Observable((subscriber) => end(sender, linger, subscriber));
    },
    destroy: () => {
      failAll(sender, DROPPED);
      connection.destroy();
    },
  };
}

function createState(connection: Connection): SenderState {
  const frames = createFrameSender({
    connection,
    next: () => nextToSend(sender),
    onPoisoned: () => {
      failAll(sender, DROPPED);
      // A reset could discard bytes of earlier files that the peer has not read yet.
      connection.end();
    },
    onWriteFault: (fault) => failAll(sender, fault),
  });
  const sender: SenderState = {
    connection,
    frames,
    queue: createFifo<QueuedPut>(),
    unfinished: new Set(),
    endFault: null,
    ending: false,
  };
  return sender;
}

function end(sender: SenderState, linger: number, subscriber: Subscriber<boolean>): () => void {
  const { connection } = sender;
  sender.ending = true;
  const timer = setTimeout(() => {
    subscriber.next(false);
    subscriber.complete();
    connection.destroy();
  }, linger);
  const closing = connection.closed$.subscribe((fault) => {
    if (fault !== null)
      return subscriber.error(new ClientError({ code: 'connection', cause: fault, sent: true }));
    subscriber.next(true);
    subscriber.complete();
  });
  endIfDone(sender);
  return () => {
    clearTimeout(timer);
    closing.unsubscribe();
  };
}
