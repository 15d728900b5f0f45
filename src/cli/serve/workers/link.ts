/** The two ends of what a worker and the process that started it say to each other. */
import type { ChildProcess, SendHandle } from 'node:child_process';
import { Observable, type Subscriber } from 'rxjs';
import type { CallHandlers, Calls, Channel } from '../../../base/calls.ts';
import type { SocketHandle } from '../../../transport/handed-sockets.ts';
import type { PlaceName } from '../listeners.ts';

/** A worker's way to the process that started it. */
export interface WorkerLink {
  /** From 1. */
  readonly number: number;
  readonly calls: Calls;
  /** Has this worker answer to these calls of the other process, besides those that it answers to already. */
  readonly answer: (handlers: CallHandlers) => void;
}

/** What comes with a handle, instead of calls. */
interface HandleMessage {
  readonly place: PlaceName;
  readonly id: number;
}

/** Called with each socket that is handed over. The handle is missing where this process could not open it. */
export type OnHandle = (message: HandleMessage, handle: SocketHandle | undefined) => void;

/** A worker's channel. */
export const channelOfWorker = (onHandle: OnHandle): Channel => ({
  send: (message) => {
    if (process.connected) process.send!(message, undefined, undefined, () => {});
  },
  messages$: new Observable((subscriber) => {
    const onMessage = (message: unknown, handle: unknown) => {
      if (Array.isArray(message)) subscriber.next(message);
      else onHandle(message as HandleMessage, handle as SocketHandle | undefined);
    };
    process.on('message', onMessage);
    return completeWhenCut(process, subscriber, () => process.off('message', onMessage));
  }),
});

/** The channel to a worker. */
export const channelTo = (child: ChildProcess): Channel => ({
  send: (message) => {
    if (child.connected) child.send(message as object, () => {});
  },
  messages$: new Observable((subscriber) => {
    const onMessage = (message: unknown) => {
      if (Array.isArray(message)) subscriber.next(message);
    };
    child.on('message', onMessage);
    return completeWhenCut(child, subscriber, () => child.off('message', onMessage));
  }),
});

function completeWhenCut(
  end: Pick<NodeJS.Process | ChildProcess, 'once' | 'off'>,
  subscriber: Subscriber<unknown>,
  stop: () => void,
): () => void {
  const onCut = () => subscriber.complete();
  (end as ChildProcess).once('disconnect', onCut);
  return () => {
    (end as ChildProcess).off('disconnect', onCut);
    stop();
  };
}

/**
 * Hands a socket over. This process keeps its own handle of it, until the worker says that it has the socket. `failed` is
 * called when it cannot be sent; when the worker ends before, that is not certain to be known.
 */
export function handOver(
  child: ChildProcess,
  message: HandleMessage,
  handle: SocketHandle,
  failed: () => void,
): void {
  // Node sends a handle as it is, although its types name only what it makes of them.
  child.send(message, handle as unknown as SendHandle, {}, (error) => {
    if (error !== null) failed();
  });
}
