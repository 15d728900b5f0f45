/**
 * The requests and replies of one connection, matched in order and by `id`.
 *
 *   queued ──▶ sending ──▶ sent ──reply──▶ over
 *     │           └──refused before it was all sent──▶ over
 *     └── waits while `window` requests are unanswered
 *
 *   state      meaning                                                      next
 *   open       takes and sends requests                                     ending, poisoned, over
 *   ending     takes no more; ends our side once all are answered           poisoned, over
 *   poisoned   a frame broke off: waits for the replies to earlier          over
 *              requests, then drops the connection
 *   over       every unanswered request has failed, and later ones fail
 *
 * `window` bounds the unanswered requests, and the write buffer bounds the unsent bytes in memory. A queued request
 * holds no body. The caller bounds the queue: each request in it is a subscription.
 */
import type { SchedulerLike } from 'rxjs';
import { createFifo } from '../../base/fifo.ts';
import { replyFraming } from '../../files/protocol/reply.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import { connectionFault } from '../../transport/connection-fault.ts';
import { deframe } from '../../wire/deframe/deframe.ts';
import type { ClientRequest, Outbound } from './client-request.ts';
import { createDeadline, type Deadline } from './deadline.ts';
import { createFrameSender } from './frame-sender.ts';
import { createPendingRequest, type PendingRequest } from './pending-request.ts';
import { onFrame } from './pipeline-replies.ts';
import { destroyedHere, failQueued, finish, type PipelineState, settle } from './pipeline-state.ts';

export interface RequestPipelineOptions {
  readonly connection: Connection;
  /** Requests that may be unanswered at once. */
  readonly window: number;
  /** Milliseconds of silence after which a connection that owes an answer is dropped; absent: never. */
  readonly timeout?: number | undefined;
  readonly scheduler?: SchedulerLike | undefined;
}

export interface RequestPipeline {
  /** Makes a request in its turn. Answers a function that gives it up. */
  readonly request: (request: ClientRequest) => () => void;
  /** Takes no more requests, and ends our side once all are answered. */
  readonly end: () => void;
  /** Drops the connection. Every unanswered request fails. */
  readonly destroy: () => void;
  /** Pauses and resumes reading from the server. */
  readonly pause: () => void;
  readonly resume: () => void;
}

export function createRequestPipeline(options: RequestPipelineOptions): RequestPipeline {
  const pipeline = createState(options);
  const { connection } = pipeline;
  connection.chunks$.pipe(deframe(replyFraming())).subscribe({
    next: (frame) => onFrame(pipeline, frame),
    complete: () => {
      const ended: ConnectionFault = { code: 'reset', message: 'the server ended the connection' };
      finish(pipeline, pipeline.writeFault ?? ended);
      connection.end();
    },
    error: (error: unknown) => finish(pipeline, connectionFault(error)),
  });

  return {
    request: (request) => addRequest(pipeline, request),
    end: () => {
      if (pipeline.phase !== 'open') return;
      pipeline.phase = 'ending';
      settle(pipeline);
    },
    destroy: () => {
      finish(pipeline, destroyedHere('the client was destroyed'));
      connection.destroy();
    },
    pause: () => {
      if (!pipeline.paused) pipeline.deadline?.hold();
      pipeline.paused = true;
      connection.pause();
    },
    resume: () => {
      if (pipeline.paused) pipeline.deadline?.release();
      pipeline.paused = false;
      connection.resume();
    },
  };
}

function createState(options: RequestPipelineOptions): PipelineState {
  const { connection, window, timeout, scheduler } = options;
  const deadline =
    timeout === undefined
      ? null
      : createDeadline({
          timeout,
          ...(scheduler === undefined ? {} : { scheduler }),
          due: () => pipeline.outstanding.length > 0,
          missed: () => {
            const message = `the server has not answered for ${timeout / 1000} s`;
            finish(pipeline, { code: 'timeout', message });
            connection.destroy();
          },
        });
  const sender = createFrameSender({
    connection: deadline === null ? connection : { write: touching(connection, deadline) },
    next: () => nextToSend(pipeline),
    onPoisoned: (outbound) => onPoisoned(pipeline, outbound),
    onWriteFault: (fault) => {
      // The server's earlier replies are still read. The pipeline is over when they end.
      pipeline.writeFault = fault;
      failQueued(pipeline, fault);
    },
    ...(deadline === null ? {} : { reading: (under) => (under ? deadline.hold() : deadline.release()) }),
  });
  const pipeline: PipelineState = {
    connection,
    window,
    queue: createFifo<PendingRequest>(),
    outstanding: [],
    sender,
    deadline,
    hooks: {
      begun: (pending) => {
        pipeline.outstanding.push(pending);
        deadline?.arm();
      },
      withdrawn: () => pipeline.outstanding.pop(),
      failed: () => settle(pipeline),
    },
    lastId: 0,
    phase: 'open',
    sending: null,
    poisoned: null,
    receiving: null,
    endFault: null,
    writeFault: null,
    paused: false,
  };
  return pipeline;
}

/** Writes to the connection, and restarts the deadline when a write settles. */
const touching =
  (connection: Connection, { touch }: Deadline): Connection['write'] =>
  (chunks, settled) =>
    connection.write(chunks, (fault) => {
      touch();
      settled(fault);
    });

function addRequest(pipeline: PipelineState, request: ClientRequest): () => void {
  const pending = createPendingRequest(request, ++pipeline.lastId, pipeline.hooks);
  const { phase, endFault, writeFault } = pipeline;
  if (phase === 'open' && writeFault === null) {
    pipeline.queue.push(pending);
    pipeline.sender.wake();
  } else {
    const fault = endFault ?? writeFault ?? destroyedHere('the client was ended');
    queueMicrotask(() => pending.outbound.failed({ code: 'connection', cause: fault, sent: false }));
  }
  return () => {
    pending.cancelled = true;
  };
}

function nextToSend(pipeline: PipelineState): Outbound | null {
  pipeline.sending = null;
  while (canSend(pipeline)) {
    const pending = pipeline.queue.shift();
    if (pending === undefined) break;
    if (pending.cancelled) continue;
    pipeline.sending = pending;
    return pending.outbound;
  }
  settle(pipeline);
  return null;
}

const canSend = ({ outstanding, window, phase }: PipelineState): boolean =>
  outstanding.length < window && phase !== 'poisoned' && phase !== 'over';

/** A frame broke off. The server still answers the requests that it was sent before. */
function onPoisoned(pipeline: PipelineState, outbound: Outbound): void {
  pipeline.poisoned = pipeline.outstanding.find((pending) => pending.outbound === outbound) ?? null;
  if (pipeline.phase !== 'over') pipeline.phase = 'poisoned';
  settle(pipeline);
}
