/**
 * Asks the file service in frames, as any client does, over a connection in memory.
 *
 * What comes over HTTP becomes such a connection of the server: so rights, limits, the slowing down of guessed tokens,
 * metrics, the log, recordings and shutdown hold for it as for all others, and nothing of them is said twice.
 */
import { serviceFault } from '../../files/protocol/errors.ts';
import { isRefusal, type Reply, replyFraming } from '../../files/protocol/reply.ts';
import type { Outcome } from '../../store/contract.ts';
import type { Connection } from '../../transport/connection.ts';
import { memoryPair } from '../../transport/memory/memory-pair.ts';
import { deframe } from '../../wire/deframe/deframe.ts';
import type { FrameEvent } from '../../wire/frame-event.ts';
import { encodeJsonHeader, type JsonHeader } from '../../wire/json-header.ts';
import type { Visitor } from './visitor.ts';

/** Called with the ack of a request. Answers what takes the bytes that follow it; null when nobody wants them. */
export type Receive = (ack: JsonHeader) => ((bytes: Uint8Array) => void) | null;

export interface FrameClient {
  /**
   * Sends a request, and waits for the last byte of its reply. One at a time. Never rejects: a connection that is over
   * is the error `unavailable`.
   */
  readonly ask: (header: JsonHeader, receive?: Receive) => Promise<Outcome<JsonHeader>>;
  /** Stops the bytes of a reply. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Ends the connection in good order. */
  readonly end: () => void;
  /** Drops what is under way. */
  readonly destroy: () => void;
}

interface Waiting {
  readonly receive: Receive | undefined;
  readonly settle: (outcome: Outcome<JsonHeader>) => void;
  reply: JsonHeader | null;
  take: ((bytes: Uint8Array) => void) | null;
}

/** Bytes that may be taken at once. */
const CHUNK_BYTES_MAX = 64 * 1024;

let made = 0;

/** @param emit hands the server its end. Answers false when it takes no more connections. */
export function openFrameClient(
  { local, remote, certificate }: Visitor,
  emit: (connection: Connection) => boolean,
): FrameClient {
  const id = `http:${++made}`;
  // What has not been taken, but for one chunk, is on the account of the server's connection.
  const [ours, theirs] = memoryPair({ ids: [`${id}#page`, id], highWaterMark: 0 });
  const write: Connection['write'] = (chunks, settled) => theirs.write(chunks.flatMap(cut), settled);
  const served = { ...theirs, local, remote, ...(certificate && { certificate }), write };
  if (!emit(served)) theirs.destroy();
  return frameClient(ours);
}

function frameClient(connection: Connection): FrameClient {
  let waiting: Waiting | null = null;
  let isOver = false;

  function settle(outcome: Outcome<JsonHeader>): void {
    const settled = waiting;
    waiting = null;
    settled?.settle(outcome);
  }
  function over(): void {
    isOver = true;
    settle(OVER);
  }
  function take(event: FrameEvent<JsonHeader>): void {
    if (event.type === 'fault') {
      connection.destroy();
      return over();
    }
    // An error that nobody waits for, such as that of a timeout: the end of the connection follows it.
    const asked = waiting;
    if (asked === null) return;
    if (event.type === 'start') {
      const { header } = event;
      asked.reply = header;
      const isAck = !isRefusal(header as unknown as Reply);
      asked.take = isAck && asked.receive !== undefined ? asked.receive(header) : null;
    } else if (event.type === 'data') asked.take?.(event.bytes);
    else if (event.type === 'end') settle(outcomeOf(asked.reply as unknown as Reply));
  }
  connection.chunks$.pipe(deframe(replyFraming())).subscribe({ next: take, error: over, complete: over });

  return {
    ask: (header, receive) =>
      new Promise((resolve) => {
        const encoded = encodeJsonHeader(header);
        if (!encoded.ok)
          return resolve({ ok: false, error: serviceFault('bad-request', encoded.fault.message) });
        if (isOver) return resolve(OVER);
        waiting = { receive, settle: resolve, reply: null, take: null };
        connection.write([encoded.bytes], () => {});
      }),
    pause: connection.pause,
    resume: connection.resume,
    end: connection.end,
    destroy: () => {
      connection.destroy();
      over();
    },
  };
}

const OVER: Outcome<JsonHeader> = {
  ok: false,
  error: serviceFault('unavailable', 'the server has ended the connection'),
};

const outcomeOf = (reply: Reply): Outcome<JsonHeader> =>
  isRefusal(reply) ? { ok: false, error: reply.error } : { ok: true, value: reply };

function cut(bytes: Uint8Array): readonly Uint8Array[] {
  if (bytes.length <= CHUNK_BYTES_MAX) return [bytes];
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX)
    pieces.push(bytes.subarray(at, at + CHUNK_BYTES_MAX));
  return pieces;
}
