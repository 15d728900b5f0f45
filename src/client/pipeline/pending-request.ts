/** One request of a pipeline, from when it is made until it has ended. */
import type { ClientFault } from '../client-fault.ts';
import type { ClientRequest, Outbound, SentContent } from './client-request.ts';

export interface PendingRequest {
  readonly request: ClientRequest;
  readonly outbound: Outbound;
  readonly id: number;
  /** Size and CRC-32 of its content, once the frame is complete. */
  sent: SentContent | null;
  /** The header of its reply has arrived. */
  answered: boolean;
  /** None of its callbacks is called any more: it was unsubscribed, or has failed. */
  cancelled: boolean;
}

export interface PendingRequestHooks {
  readonly begun: (pending: PendingRequest) => void;
  readonly withdrawn: (pending: PendingRequest) => void;
  /** It could not be sent. Its own `failed` was called before. */
  readonly failed: (pending: PendingRequest) => void;
}

export function createPendingRequest(
  request: ClientRequest,
  id: number,
  hooks: PendingRequestHooks,
): PendingRequest {
  const failed = (fault: ClientFault) => {
    if (!pending.cancelled) request.failed(fault);
    pending.cancelled = true;
    hooks.failed(pending);
  };
  const outbound: Outbound = {
    header: (content) => ({ ...request.header(content), id }),
    open: request.open,
    from: request.from,
    allowed: request.allowed,
    passed: request.passed,
    status: () => (pending.answered ? 'refused' : pending.cancelled ? 'cancelled' : 'wanted'),
    begun: () => hooks.begun(pending),
    withdrawn: () => hooks.withdrawn(pending),
    taken: (bytes, total) => {
      if (!pending.cancelled && !pending.answered) request.taken?.(bytes, total);
    },
    sent: (sent) => {
      pending.sent = sent;
      if (!pending.cancelled) request.sent?.(sent);
    },
    failed,
  };
  const pending: PendingRequest = { request, outbound, id, sent: null, answered: false, cancelled: false };
  return pending;
}
