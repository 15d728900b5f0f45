/** The state of a request pipeline, and how it ends: in good order, or with a fault for every unanswered request. */
import type { Fifo } from '../../base/fifo.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import type { ClientFault } from '../client-fault.ts';
import type { Deadline } from './deadline.ts';
import type { FrameSender } from './frame-sender.ts';
import type { PendingRequest, PendingRequestHooks } from './pending-request.ts';

export interface PipelineState {
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

export const destroyedHere = (message: string): ConnectionFault => ({ code: 'destroyed', message });

/** Called when a request may have been the last one. */
export function settle(pipeline: PipelineState): void {
  const { connection, outstanding, queue, poisoned } = pipeline;
  if (pipeline.phase === 'poisoned' && (outstanding.length === 0 || outstanding[0] === poisoned)) {
    finish(pipeline, destroyedHere('the connection was dropped, since a put on it broke off'));
    connection.destroy();
  }
  const idle = outstanding.length === 0 && queue.length === 0 && pipeline.sending === null;
  if (pipeline.phase === 'ending' && idle) connection.end();
}

/** Ends the pipeline: every request fails, with `cause` if the server has received it. */
export function finish(pipeline: PipelineState, fault: ConnectionFault, cause?: ClientFault): void {
  if (pipeline.phase === 'over') return;
  pipeline.phase = 'over';
  pipeline.endFault = fault;
  pipeline.sender.stop();
  pipeline.deadline?.stop();
  const failed = pipeline.outstanding.splice(0);
  for (const { request, cancelled } of failed) {
    if (!cancelled) request.failed(cause ?? { code: 'connection', cause: fault, sent: true });
  }
  failQueued(pipeline, fault);
}

export function failQueued({ queue, sending, outstanding }: PipelineState, fault: ConnectionFault): void {
  if (sending !== null && !outstanding.includes(sending) && !sending.answered) {
    sending.outbound.failed({ code: 'connection', cause: fault, sent: false });
  }
  for (let pending = queue.shift(); pending !== undefined; pending = queue.shift()) {
    if (!pending.cancelled) pending.request.failed({ code: 'connection', cause: fault, sent: false });
  }
}
