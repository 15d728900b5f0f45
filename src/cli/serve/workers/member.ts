/** A worker, as the process that started it has it. */
import cluster, { type Worker } from 'node:cluster';
import { type CallHandlers, type Calls, connectCalls } from '../../../base/calls.ts';
import type { Owned, OwnedSeat, Seat } from '../../../server/workers/owned.ts';
import type { SocketHandle } from '../../../transport/handed-sockets.ts';
import type { PlaceName } from '../listeners.ts';
import { WORKER_VARIABLE } from './is-worker.ts';
import { channelTo, handOver } from './link.ts';

export interface HandedSocket {
  readonly place: PlaceName;
  readonly handle: SocketHandle;
}

export interface Member {
  readonly number: number;
  readonly worker: Worker;
  readonly calls: Calls;
  readonly startedAt: number;
  isReady: boolean;
  /** Whether it has said that it ends, and need not be replaced. */
  isDone: boolean;
  /** The sockets that are on their way to it: this process still has them as well. */
  readonly handing: Set<HandedSocket>;
  readonly seats: readonly OwnedSeat[];
}

/**
 * Starts a worker.
 *
 * @param owned what it may ask for, besides what `handlersOf` answers.
 */
export function startMember(
  number: number,
  owned: readonly Owned[],
  handlersOf: (member: () => Member) => CallHandlers,
): Member {
  // Settings that are no text cross the channel only so: `Infinity`, say.
  cluster.setupPrimary({ serialization: 'advanced' });
  const worker = cluster.fork({ [WORKER_VARIABLE]: String(number) });
  const seat: Seat = { number, calls: () => member.calls };
  const seats = owned.map((each) => each.join(seat));
  const handlers = Object.assign(
    {},
    handlersOf(() => member),
    ...seats.map((each) => each.handlers),
  );
  const member: Member = {
    number,
    worker,
    calls: connectCalls(channelTo(worker.process), handlers),
    startedAt: performance.now(),
    isReady: false,
    isDone: false,
    handing: new Set(),
    seats,
  };
  return member;
}

/** Hands a socket to a worker. `gone` is called when there is none any more; the handle is then still open. */
export function handTo(
  { worker, handing }: Member,
  socket: HandedSocket,
  gone: (socket: HandedSocket) => void,
): void {
  handing.add(socket);
  handOver(worker.process, socket.place, socket.handle, (isTaken) => {
    // It was taken back when the worker ended.
    if (!handing.delete(socket)) return;
    if (isTaken || worker.isConnected()) socket.handle.close();
    else gone(socket);
  });
}

/** Gives back what a worker held that is gone. Returns the sockets that never reached it. */
export function dismiss({ calls, seats, handing }: Member): readonly HandedSocket[] {
  calls.close();
  for (const seat of seats) seat.left();
  const back = [...handing];
  handing.clear();
  return back;
}
