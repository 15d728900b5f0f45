/**
 * One connection's conversation: requests out, replies in, matched in order and by `id`.
 *
 *   queued ──▶ sending ──▶ sent ──reply──▶ over
 *     │           └──refused before it was all sent──▶ over
 *     └── waits while `window` requests are unanswered
 *
 *   state      means                                                        becomes
 *   open       requests are taken and sent                                  ending, spoiled, over
 *   ending     no more are taken; once all are answered our side is ended   spoiled, over
 *   spoiled    a frame broke off: earlier answers are awaited, then         over
 *              the connection is dropped
 *   over       everything outstanding has failed, and so does what comes
 *
 * What is unanswered is bounded by `window`, what is unsent in memory by the packer. What is queued holds no body, and
 * is bounded by the caller: each of it is a subscription.
 */
import type { SchedulerLike } from 'rxjs';
import { isMatching, P } from 'ts-pattern';
import type { ErrorInfo } from '../../files/protocol/errors.ts';
import { isRefusal, type Reply, replyFraming } from '../../files/protocol/reply.ts';
import { createQueue } from '../../runtime/queue.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import { deframe } from '../../wire/deframe.ts';
import type { FrameEvent } from '../../wire/frame-event.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import { type ClientFault, describeFault } from '../client-fault.ts';
import type { ClientRequest } from './client-request.ts';
import { createDeadline } from './deadline.ts';
import { type Checksum, createFrameSender, type Outbound } from './frame-sender.ts';
import { createPendingRequest, type PendingRequest, type PendingRequestHooks } from './pending-request.ts';

export interface RequestPipelineOptions {
  readonly connection: Connection;
  readonly crc32: Checksum;
  /** Requests that may be unanswered at once. */
  readonly window: number;
  /** Milliseconds of silence after which a connection with something unanswered is dropped; absent: never. */
  readonly timeout?: number | undefined;
  readonly scheduler?: SchedulerLike | undefined;
}

export interface RequestPipeline {
  /** Makes a request in its turn. Answers how to give it up. */
  readonly request: (exchange: ClientRequest) => () => void;
  /** Takes no more requests, and ends our side once all are answered. */
  readonly end: () => void;
  /** Drops the connection. What is outstanding fails. */
  readonly destroy: () => void;
  /** Stops and goes on reading what the server sends. */
  readonly pause: () => void;
  readonly resume: () => void;
}

const destroyedHere = (message: string): ConnectionFault => ({ code: 'destroyed', message });

export function createRequestPipeline(options: RequestPipelineOptions): RequestPipeline {
  const { connection, crc32, window, timeout } = options;
  const queue = createQueue<PendingRequest>();
  const outstanding: PendingRequest[] = [];
  let lastId = 0;
  let state: 'open' | 'ending' | 'spoiled' | 'over' = 'open';
  /** The one that the sender is at: perhaps not outstanding yet. */
  let sending: PendingRequest | null = null;
  /** The one whose frame broke off. */
  let poisoned: PendingRequest | null = null;
  /** Whose reply is arriving; null also for one that ends nothing. */
  let receiving: PendingRequest | null = null;
  let end: ConnectionFault | null = null;
  let writeFault: ConnectionFault | null = null;

  const deadline =
    timeout === undefined
      ? null
      : createDeadline({
          timeout,
          ...(options.scheduler === undefined ? {} : { scheduler: options.scheduler }),
          due: () => outstanding.length > 0,
          missed: () => {
            const message = `the server has not answered for ${timeout / 1000} s`;
            over({ code: 'timeout', message });
            connection.destroy();
          },
        });
  let paused = false;

  const watched =
    (touch: () => void): Connection['write'] =>
    (chunks, settled) =>
      connection.write(chunks, (fault) => {
        touch();
        settled(fault);
      });

  const sender = createFrameSender({
    connection: deadline === null ? connection : { write: watched(deadline.touch) },
    crc32,
    next,
    onPoisoned: onSpoiled,
    onWriteFault,
    ...(deadline === null ? {} : { reading: (under) => (under ? deadline.hold() : deadline.release()) }),
  });

  function next(): Outbound | null {
    sending = null;
    while (outstanding.length < window && state !== 'spoiled' && state !== 'over') {
      const entry = queue.shift();
      if (entry === undefined) break;
      if (entry.cancelled) continue;
      sending = entry;
      return entry.outbound;
    }
    settle();
    return null;
  }

  const hooks: PendingRequestHooks = {
    begun: (entry) => {
      outstanding.push(entry);
      deadline?.arm();
    },
    withdrawn: () => outstanding.pop(),
    failed: settle,
  };

  /** The server took back nothing: what it was sent before the broken frame is still answered. */
  function onSpoiled(outbound: Outbound): void {
    poisoned = outstanding.find((entry) => entry.outbound === outbound) ?? null;
    if (state !== 'over') state = 'spoiled';
    settle();
  }

  function onWriteFault(fault: ConnectionFault): void {
    // What the server said before is still read; the end of that is the end of the conversation.
    writeFault = fault;
    failQueued(fault);
  }

  /** To be called when something may have been the last one. */
  function settle(): void {
    if (state === 'spoiled' && (outstanding.length === 0 || outstanding[0] === poisoned)) {
      over(destroyedHere('the connection was dropped, since a put on it broke off'));
      connection.destroy();
    }
    const idle = outstanding.length === 0 && queue.length() === 0 && sending === null;
    if (state === 'ending' && idle) connection.end();
  }

  function over(fault: ConnectionFault, why?: ClientFault): void {
    if (state === 'over') return;
    state = 'over';
    end = fault;
    sender.stop();
    deadline?.stop();
    const failed = outstanding.splice(0);
    for (const { request, cancelled } of failed) {
      if (!cancelled) request.failed(why ?? { type: 'connection', fault, sent: true });
    }
    failQueued(fault);
  }

  function failQueued(fault: ConnectionFault): void {
    if (sending !== null && !outstanding.includes(sending) && !sending.answered) {
      sending.outbound.failed({ type: 'connection', fault, sent: false });
    }
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
      if (!entry.cancelled) entry.request.failed({ type: 'connection', fault, sent: false });
    }
  }

  /** The server cannot be understood any more. */
  function protocolError(message: string, error?: ErrorInfo): void {
    const said = error === undefined ? {} : { error };
    // Not `destroyed`: that is what befell requests for the sake of another one.
    over({ code: 'failed', message }, { type: 'protocol', message, ...said });
    connection.destroy();
  }

  function onReply(reply: Reply, body: number): void {
    const entry = outstanding[0];
    if (isRefusal(reply) && !isErrorInfo(reply.error)) {
      return protocolError(`the server's error has no code and message`);
    }
    if (isRefusal(reply) && reply.id === undefined) {
      // What cannot be answered by id is about the connection itself.
      return protocolError(`the server gave up on the connection: ${reply.error.message}`, reply.error);
    }
    if (entry === undefined || reply.id !== entry.id) {
      const expected = entry === undefined ? 'nothing was asked' : `${entry.id} is due`;
      return protocolError(`the server answers to ${JSON.stringify(reply.id)}, but ${expected}`);
    }
    if (!isRefusal(reply) && reply.ack === 'progress' && entry.request.progressed !== undefined) {
      if (entry.cancelled || entry.answered) return;
      const fault = entry.request.progressed(reply);
      if (fault !== null) protocolError(describeFault(fault));
      return;
    }
    receiving = entry;
    if (isRefusal(reply)) {
      entry.answered = true;
      if (!entry.cancelled) entry.request.failed({ type: 'refused', error: reply.error });
      entry.cancelled = true;
      return;
    }
    if (entry.sent === null) {
      return protocolError('the server acknowledges what it has not been sent yet');
    }
    entry.answered = true;
    if (entry.cancelled) return;
    const fault = entry.request.acked(reply, entry.sent, body);
    if (fault?.type === 'protocol') protocolError(fault.message);
    else if (fault !== null) {
      entry.request.failed(fault);
      entry.cancelled = true;
    }
  }

  function onReplyEnd(): void {
    const entry = receiving;
    if (entry === null) return;
    receiving = null;
    outstanding.shift();
    if (!entry.cancelled) entry.request.done();
    settle();
    sender.wake();
  }

  function onFrame(frame: FrameEvent<JsonHeader>): void {
    if (state === 'over') return;
    deadline?.touch();
    switch (frame.type) {
      case 'start':
        return onReply(frame.header as Reply, frame.length);
      case 'data':
        if (receiving?.cancelled === false) receiving.request.data?.(frame.bytes);
        return;
      case 'end':
        return onReplyEnd();
      case 'fault':
        // A connection that breaks in the middle of a reply tells so by itself.
        if (frame.fault.code !== 'truncated') protocolError(`the server's reply: ${frame.fault.message}`);
        return;
      case 'frame':
        // Replies are never delivered whole.
        return;
    }
  }

  connection.chunks$.pipe(deframe(replyFraming())).subscribe({
    next: onFrame,
    complete: () => {
      over(writeFault ?? { code: 'reset', message: 'the server ended the connection' });
      connection.end();
    },
    error: (fault: ConnectionFault) => over(fault),
  });

  return {
    request: (exchange) => {
      const entry = createPendingRequest(exchange, ++lastId, hooks);
      if (state === 'open' && writeFault === null) {
        queue.push(entry);
        sender.wake();
      } else {
        const fault = end ?? writeFault ?? destroyedHere('the client was ended');
        queueMicrotask(() => entry.outbound.failed({ type: 'connection', fault, sent: false }));
      }
      return () => {
        entry.cancelled = true;
      };
    },
    end: () => {
      if (state !== 'open') return;
      state = 'ending';
      settle();
    },
    destroy: () => {
      over(destroyedHere('the client was destroyed'));
      connection.destroy();
    },
    pause: () => {
      if (!paused) deadline?.hold();
      paused = true;
      connection.pause();
    },
    resume: () => {
      if (paused) deadline?.release();
      paused = false;
      connection.resume();
    },
  };
}

const isErrorInfo = isMatching({ code: P.string, message: P.string });
