/** One request of a conversation, from when it is made until it is over. */
import type { ClientFault } from '../client-fault.ts';
import type { Exchange, Sent } from './exchange.ts';
import type { Outbound } from './frame-sender.ts';

export interface PendingRequest {
  readonly exchange: Exchange;
  readonly outbound: Outbound;
  readonly id: number;
  /** What was sent of its body, once the frame is complete. */
  sent: Sent | null;
  /** The header of its reply has come. */
  answered: boolean;
  /** Nobody is to be told anything more: it was given up, or has failed. */
  cancelled: boolean;
}

export interface PendingRequestHooks {
  readonly begun: (entry: PendingRequest) => void;
  readonly withdrawn: (entry: PendingRequest) => void;
  /** It could not be sent, and its own has been told. */
  readonly failed: (entry: PendingRequest) => void;
}

export function createPendingRequest(
  exchange: Exchange,
  id: number,
  hooks: PendingRequestHooks,
): PendingRequest {
  const failed = (fault: ClientFault) => {
    if (!entry.cancelled) exchange.failed(fault);
    entry.cancelled = true;
    hooks.failed(entry);
  };
  const outbound: Outbound = {
    header: (content) => ({ ...exchange.header(content), id }),
    ...(exchange.open === undefined ? {} : { open: exchange.open }),
    ...(exchange.from === undefined ? {} : { from: exchange.from }),
    ...(exchange.passed === undefined ? {} : { passed: exchange.passed }),
    status: () => (entry.answered ? 'refused' : entry.cancelled ? 'cancelled' : 'wanted'),
    begun: () => hooks.begun(entry),
    withdrawn: () => hooks.withdrawn(entry),
    taken: (bytes, total) => {
      if (!entry.cancelled && !entry.answered) exchange.taken?.(bytes, total);
    },
    sent: (sent) => {
      entry.sent = sent;
      if (!entry.cancelled) exchange.sent?.(sent);
    },
    failed,
  };
  const entry: PendingRequest = { exchange, outbound, id, sent: null, answered: false, cancelled: false };
  return entry;
}
