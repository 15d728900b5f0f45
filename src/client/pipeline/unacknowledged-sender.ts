/**
 * Sending to a peer that never replies: a server of a dozen lines that reads a length, a header, a body.
 *
 * Its headers are exactly `{"cmd", "filename", "filesize"}`. Nothing confirms that a file was stored; the most there is
 * to know is that the peer took all bytes and ended its side in good order.
 */
import { Observable } from 'rxjs';
import { createQueue } from '../../runtime/queue.ts';
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
import type { SentContent } from './exchange.ts';
import { type Checksum, createFrameSender, type Outbound } from './frame-sender.ts';

export type UnacknowledgedPutEvent =
  /** So many bytes of the content were handed to the operating system. */
  | { readonly type: 'progress'; readonly sent: number; readonly total: number }
  /** All were. The last event. */
  | { readonly type: 'sent'; readonly size: number; readonly crc32: number };

export interface UnacknowledgedSender {
  /**
   * Sends content under a name, behind the puts before it. Errors with a `ClientFault`: `content` when it cannot be
   * read as promised (our side is then ended in the middle of its frame, which cannot be completed), `connection` when that
   * breaks. Unsubscribing in the middle of the body does the same.
   */
  readonly put: (filename: string, content: ContentSource) => Observable<UnacknowledgedPutEvent>;
  /**
   * Ends our side once all is sent, and waits for the peer to end its own. Emits true when it did, false when it had
   * not after `linger` milliseconds (the connection is then dropped), and completes. Errors with a `ClientFault` when
   * the connection broke.
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
 * Makes a plain sender of a connection, which from then on belongs to it. What the peer sends is read and ignored.
 *
 * @example
 * const sender = createPlainSender(connection);
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
  /** Puts whose turn has not come. They hold no body; each is a subscription, and so bounded by the caller. */
  const queue = createQueue<QueuedPut>();
  /** Puts whose bytes are not all the operating system's: as many as fit into what the packer holds. */
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
      // Not a reset, which could take back what the peer has not read yet of the files before.
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
    if (ending && queue.length() === 0 && unfinished.size === 0) connection.end();
  }

  connection.chunks$.subscribe({ error: failAll });
  connection.closed$.subscribe((fault) => failAll(fault ?? { code: 'reset', message: 'the peer is gone' }));

  return {
    put: (filename, content) => {
      // Nobody answers who would refuse it.
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
