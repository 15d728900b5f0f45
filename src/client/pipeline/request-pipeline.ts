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
import { isMatching, P } from 'ts-pattern';
import { createFifo, type Fifo } from '../../base/fifo.ts';
import type { ServiceFault } from '../../files/protocol/errors.ts';
import { isRefusal, type Reply, replyFraming } from '../../files/protocol/reply.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import { deframe } from '../../wire/deframe.ts';
import type { FrameEvent } from '../../wire/frame-event.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import { type ClientFault, describeFault } from '../client-fault.ts';
import type { ClientRequest, Outbound } from './client-request.ts';
import { createDeadline, type Deadline } from './deadline.ts';
import { type Checksum, createFrameSender, type FrameSender } from './frame-sender.ts';
import { createPendingRequest, type PendingRequest, type PendingRequestHooks } from './pending-request.ts';

export interface RequestPipelineOptions {
  readonly connection: Connection;
  readonly crc32: Checksum;
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

interface PipelineState {
  readonly connection: Connection;
  readonly window: number;
  readonly queue: Fifo<PendingRequest>;
  /** Requests of which the first byte is in the write buffer, and whose reply is not complete. */
  readonly outstanding: PendingRequest[];
  readonly sender: FrameSender;
  readonly deadline: Deadline | null;
  readonly hooks: PendingRequestHooks;
  lastId: number;
  phase: 'open' | 'ending' | 'poisoned' | 'over';
  /** The request that the sender works on; perhaps not outstanding yet. */
  sending: PendingRequest | null;
  /** The request whose frame broke off. */
  poisoned: PendingRequest | null;
  /** The request whose reply is arriving; null also during a progress reply, which completes no request. */
  receiving: PendingRequest | null;
  /** Why the pipeline is over. */
  endFault: ConnectionFault | null;
  writeFault: ConnectionFault | null;
  paused: boolean;
}

const destroyedHere = (message: string): ConnectionFault => ({ code: 'destroyed', message });

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
    error: (fault: ConnectionFault) => finish(pipeline, fault),
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
  const { connection, crc32, window, timeout, scheduler } = options;
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
    crc32,
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
    queueMicrotask(() => pending.outbound.failed({ type: 'connection', fault, sent: false }));
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

/** Called when a request may have been the last one. */
function settle(pipeline: PipelineState): void {
  const { connection, outstanding, queue, poisoned } = pipeline;
  if (pipeline.phase === 'poisoned' && (outstanding.length === 0 || outstanding[0] === poisoned)) {
    finish(pipeline, destroyedHere('the connection was dropped, since a put on it broke off'));
    connection.destroy();
  }
  const idle = outstanding.length === 0 && queue.length === 0 && pipeline.sending === null;
  if (pipeline.phase === 'ending' && idle) connection.end();
}

/** Ends the pipeline: every request fails, with `cause` if the server has received it. */
function finish(pipeline: PipelineState, fault: ConnectionFault, cause?: ClientFault): void {
  if (pipeline.phase === 'over') return;
  pipeline.phase = 'over';
  pipeline.endFault = fault;
  pipeline.sender.stop();
  pipeline.deadline?.stop();
  const failed = pipeline.outstanding.splice(0);
  for (const { request, cancelled } of failed) {
    if (!cancelled) request.failed(cause ?? { type: 'connection', fault, sent: true });
  }
  failQueued(pipeline, fault);
}

function failQueued({ queue, sending, outstanding }: PipelineState, fault: ConnectionFault): void {
  if (sending !== null && !outstanding.includes(sending) && !sending.answered) {
    sending.outbound.failed({ type: 'connection', fault, sent: false });
  }
  for (let pending = queue.shift(); pending !== undefined; pending = queue.shift()) {
    if (!pending.cancelled) pending.request.failed({ type: 'connection', fault, sent: false });
  }
}

/** Gives up a server whose replies cannot be understood. */
function protocolError(pipeline: PipelineState, message: string, error?: ServiceFault): void {
  const said = error === undefined ? {} : { error };
  // Not `destroyed`: that code is for connections dropped for the sake of one request.
  finish(pipeline, { code: 'failed', message }, { type: 'protocol', message, ...said });
  pipeline.connection.destroy();
}

function onReply(pipeline: PipelineState, reply: Reply, body: number): void {
  const pending = pipeline.outstanding[0];
  if (isRefusal(reply) && !isServiceFault(reply.error)) {
    return protocolError(pipeline, `the server's error has no code and message`);
  }
  if (isRefusal(reply) && reply.id === undefined) {
    // A refusal without an id is about the connection itself.
    const message = `the server gave up on the connection: ${reply.error.message}`;
    return protocolError(pipeline, message, reply.error);
  }
  if (pending === undefined || reply.id !== pending.id) {
    const expected = pending === undefined ? 'nothing was asked' : `${pending.id} is due`;
    return protocolError(pipeline, `the server answers to ${JSON.stringify(reply.id)}, but ${expected}`);
  }
  if (!isRefusal(reply) && reply.ack === 'progress' && pending.request.progressed !== undefined) {
    if (pending.cancelled || pending.answered) return;
    const fault = pending.request.progressed(reply);
    if (fault !== null) protocolError(pipeline, describeFault(fault));
    return;
  }
  pipeline.receiving = pending;
  if (isRefusal(reply)) {
    pending.answered = true;
    if (!pending.cancelled) pending.request.failed({ type: 'refused', error: reply.error });
    pending.cancelled = true;
    return;
  }
  if (pending.sent === null) {
    return protocolError(pipeline, 'the server acknowledges what it has not been sent yet');
  }
  pending.answered = true;
  if (pending.cancelled) return;
  const fault = pending.request.acked(reply, pending.sent, body);
  if (fault?.type === 'protocol') protocolError(pipeline, fault.message);
  else if (fault !== null) {
    pending.request.failed(fault);
    pending.cancelled = true;
  }
}

function onReplyEnd(pipeline: PipelineState): void {
  const pending = pipeline.receiving;
  if (pending === null) return;
  pipeline.receiving = null;
  pipeline.outstanding.shift();
  if (!pending.cancelled) pending.request.done();
  settle(pipeline);
  pipeline.sender.wake();
}

function onFrame(pipeline: PipelineState, frame: FrameEvent<JsonHeader>): void {
  if (pipeline.phase === 'over') return;
  pipeline.deadline?.touch();
  switch (frame.type) {
    case 'start':
      return onReply(pipeline, frame.header as Reply, frame.length);
    case 'data':
      if (pipeline.receiving?.cancelled === false) pipeline.receiving.request.data?.(frame.bytes);
      return;
    case 'end':
      return onReplyEnd(pipeline);
    case 'fault':
      // When the connection breaks in the middle of a reply, `chunks$` reports that itself.
      if (frame.fault.code !== 'truncated') {
        protocolError(pipeline, `the server's reply: ${frame.fault.message}`);
      }
      return;
    case 'frame':
      // Replies are never delivered whole.
      return;
  }
}

const isServiceFault = isMatching({ code: P.string, message: P.string });
