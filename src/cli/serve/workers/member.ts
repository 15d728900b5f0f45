/** A worker, as the process that started it has it. */
import cluster, { type Worker } from 'node:cluster';
import { type CallHandlers, type Calls, connectCalls } from '../../../base/calls.ts';
import type { Owned, OwnedSeat, Seat } from '../../../server/workers/owned.ts';
import type { SocketHandle } from '../../../transport/handed-sockets.ts';
import type { PlaceName } from '../listeners.ts';
import { WORKER_VARIABLE } from './is-worker.ts';
import { channelTo, handOver } from './link.ts';

/** Milliseconds after which a worker that has not taken a socket is behind. */
const BEHIND_MS = 250;

/** A socket that is on its way to a worker. */
interface Handing {
  readonly socket: HandedSocket;
  /** By the clock of `performance`. */
  readonly since: number;
}

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
  /** The sockets that are on their way to it, and that this process still has as well. */
  readonly handing: Map<number, Handing>;
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
    handing: new Map(),
    seats,
  };
  return member;
}

let handed = 0;

/** Hands a socket to a worker. `failed` is called when that is not possible; the handle is then still open. */
export function handTo(
  { worker, handing }: Member,
  socket: HandedSocket,
  failed: (socket: HandedSocket) => void,
): void {
  const id = ++handed;
  handing.set(id, { socket, since: performance.now() });
  handOver(worker.process, { place: socket.place, id }, socket.handle, () => {
    // It was taken back when the worker ended.
    if (handing.delete(id)) failed(socket);
  });
}

/** Whether a worker has not taken what it was handed a while ago: it may have stopped for good. */
export function isBehind({ handing }: Member): boolean {
  for (const { since } of handing.values()) return performance.now() - since > BEHIND_MS;
  return false;
}

/** A worker has a socket: this process closes its own handle of it. */
export function onTaken({ handing }: Member, id: number): void {
  handing.get(id)?.socket.handle.close();
  handing.delete(id);
}

/** Gives back what a worker held that is gone. Returns the sockets that never reached it. */
export function dismiss({ calls, seats, handing }: Member): readonly HandedSocket[] {
  calls.close();
  for (const seat of seats) seat.left();
  const back = [...handing.values()].map(({ socket }) => socket);
  handing.clear();
  return back;
}
