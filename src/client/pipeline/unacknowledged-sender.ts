/**
 * Sends files to a peer that never replies: a server of a dozen lines that reads a length, a header and a body.
 *
 * The headers are exactly `{"cmd", "filename", "filesize"}`. The peer confirms nothing. The sender can know only that
 * the peer took every byte and ended its side in good order.
 */
import { Observable } from 'rxjs';
import { createFifo } from '../../base/fifo.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import {
  CONNECTION,
  check,
  checkOptions,
  FUNCTION,
  MILLISECONDS,
  optional,
  TEXT,
} from '../../wire/argument.ts';
import type { ClientFault } from '../client-fault.ts';
import { crc32 as portableCrc32 } from '../content/crc32.ts';
import { type ContentSource, opener } from '../put.ts';
import type { SentContent } from './client-request.ts';
import { type Checksum, createFrameSender, type Outbound } from './frame-sender.ts';

export type UnacknowledgedPutEvent =
  /** The operating system has taken so many bytes of the content. */
  | { readonly type: 'progress'; readonly sent: number; readonly total: number }
  /** The operating system has taken all of them. The last event. */
  | { readonly type: 'sent'; readonly size: number; readonly crc32: number };

export interface UnacknowledgedSender {
  /**
   * Sends content under a name, behind the puts before it. Errors with a `ClientFault`: `content` when the content
   * cannot be read as promised, `connection` when the connection breaks. Content that fails, or an unsubscription in
   * the middle of the body, ends our side of the connection in the middle of the frame, since the frame cannot be
   * completed.
   */
  readonly put: (filename: string, content: ContentSource) => Observable<UnacknowledgedPutEvent>;
  /**
   * Ends our side once all is sent, and waits for the peer to end its own. Emits true when the peer did, false when it
   * had not after `linger` milliseconds (the sender then drops the connection), and completes. Errors with a
   * `ClientFault` when the connection breaks.
   */
  readonly end: (linger: number) => Observable<boolean>;
  readonly destroy: () => void;
}

interface QueuedPut extends Outbound {
  readonly fail: (fault: ClientFault) => void;
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
 *   error: (fault) => console.error(describeFault(fault)),
 * });
 */
export function createUnacknowledgedSender(
  connection: Connection,
  options: { readonly crc32?: Checksum } = {},
): UnacknowledgedSender {
  check('createUnacknowledgedSender: its connection', connection, CONNECTION);
  checkOptions('createUnacknowledgedSender', options, { crc32: optional(FUNCTION) });
  const { crc32 = portableCrc32 } = options;
  /** Puts whose turn has not come. They hold no body. Each is a subscription, so the caller bounds their number. */
  const queue = createFifo<QueuedPut>();
  /** Puts of which the operating system has not taken every byte: as many as fit into the write buffer. */
  const unfinished = new Set<QueuedPut>();
  let endFault: ConnectionFault | null = null;
  let ending = false;

  const sender = createFrameSender({
    connection,
    crc32,
    next: () => {
      const put = queue.shift() ?? null;
      if (put !== null) unfinished.add(put);
      return endFault === null ? put : null;
    },
    onPoisoned: () => {
      failAll(DROPPED);
      // A reset could discard bytes of earlier files that the peer has not read yet.
      connection.end();
    },
    onWriteFault: failAll,
  });

  function failAll(fault: ConnectionFault): void {
    if (endFault !== null) return;
    endFault = fault;
    sender.stop();
    for (const put of unfinished) put.fail({ type: 'connection', fault, sent: true });
    unfinished.clear();
    for (let put = queue.shift(); put !== undefined; put = queue.shift()) {
      put.fail({ type: 'connection', fault, sent: false });
    }
  }

  function finishIfDone(): void {
    if (ending && queue.length === 0 && unfinished.size === 0) connection.end();
  }

  connection.chunks$.subscribe({ error: failAll });
  connection.closed$.subscribe((fault) => failAll(fault ?? { code: 'reset', message: 'the peer is gone' }));

  return {
    put: (filename, content) => {
      // The peer cannot refuse a bad name.
      check('put: the filename', filename, TEXT);
      const open = opener(content);
      return new Observable((subscriber) => {
        let cancelled = false;
        let all: SentContent | null = null;
        const fail = (fault: ClientFault) => {
          unfinished.delete(put);
          if (!cancelled) subscriber.error(fault);
          finishIfDone();
        };
        const put: QueuedPut = {
          header: (content) => ({ cmd: 'put', filename, filesize: content?.size ?? 0 }),
          open,
          status: () => (cancelled ? 'cancelled' : 'wanted'),
          begun: () => {},
          withdrawn: () => {
            unfinished.delete(put);
            finishIfDone();
          },
          taken: (sent, total) => {
            if (!cancelled) subscriber.next({ type: 'progress', sent, total });
            if (all === null || sent < total) return;
            unfinished.delete(put);
            subscriber.next({ type: 'sent', ...all });
            subscriber.complete();
            finishIfDone();
          },
          sent: (sent) => {
            all = sent;
          },
          failed: fail,
          fail,
        };
        if (endFault === null && !ending) {
          queue.push(put);
          sender.wake();
        } else {
          const fault = endFault ?? { code: 'destroyed', message: 'the sender was ended' };
          queueMicrotask(() => fail({ type: 'connection', fault, sent: false }));
        }
        return () => {
          cancelled = true;
        };
      });
    },
    end: (linger) => {
      check('end: the time to wait', linger, MILLISECONDS);
      return new Observable((subscriber) => {
        ending = true;
        const timer = setTimeout(() => {
          subscriber.next(false);
          subscriber.complete();
          connection.destroy();
        }, linger);
        const closing = connection.closed$.subscribe((fault) => {
          if (fault !== null) return subscriber.error({ type: 'connection', fault, sent: true });
          subscriber.next(true);
          subscriber.complete();
        });
        finishIfDone();
        return () => {
          clearTimeout(timer);
          closing.unsubscribe();
        };
      });
    },
    destroy: () => {
      failAll(DROPPED);
      connection.destroy();
    },
  };
}
