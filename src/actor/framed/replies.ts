/**
 * Finds the request that a reply belongs to: by a key, or by order.
 *
 * ```text
 *  a reply comes   its request          then
 *  by key          waits                the request has it
 *                  is over its time     dropped
 *                  is unknown           no reply: it is for whoever reads the messages
 *  by order        waits                the oldest request has it
 *                  is over its time     dropped: it was that request's
 *                  there is none        no reply
 * ```
 */
import type { SchedulerLike } from 'rxjs';
import { createFifo } from '../../base/fifo.ts';
import { SluiceError, StateError } from '../../base/sluice-error.ts';

/**
 * The id that a reply and its request have in common: `FramedOptions.keyOf` finds it in a message. Keys are compared by
 * value.
 */
export type ReplyKey = string | number | bigint;

/** The data of a `RequestTimeout`. */
export interface TimeoutFault {
  /** Always `timeout`: there is one kind. */
  readonly code: 'timeout';
  /** How long the request has waited, in words. */
  readonly message: string;
  /** How long the request has waited, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * No reply came in time: what `request` rejects with. A reply that comes later is dropped.
 *
 * @example
 * const answer = await chat.request('time?', { timeoutMs: 1000 }).catch((error) => {
 *   if (error instanceof RequestTimeout) return null; // nothing came within a second
 *   throw error;
 * });
 */
export class RequestTimeout extends SluiceError {
  declare readonly code: 'timeout';
  declare readonly fault: TimeoutFault;
  /** How long the request has waited, in milliseconds. */
  readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    const message = `no reply came within ${timeoutMs / 1000} s`;
    const fault: TimeoutFault = { code: 'timeout', message, timeoutMs };
    super(fault);
    this.timeoutMs = timeoutMs;
  }

  override get name(): 'RequestTimeout' {
    return 'RequestTimeout';
  }
}

interface Request<In> {
  state: 'waiting' | 'late' | 'over' | 'withdrawn';
  readonly settle: (reply: In) => void;
  readonly fail: (error: Error) => void;
}

export interface Replies<In> {
  /** Begins to wait for a reply. `fail` ends that wait. */
  readonly expect: (
    key: ReplyKey | undefined,
    timeoutMs: number,
  ) => {
    readonly promise: Promise<In>;
    readonly fail: (error: Error) => void;
    /** Fails it, and expects no reply: it was not sent. */
    readonly withdraw: (error: unknown) => void;
  };
  /** Gives a message to its request. Returns whether it was a reply; then nobody else gets it. */
  readonly take: (key: ReplyKey | undefined, message: In, isKeyed: boolean) => boolean;
  /** The requests that wait. */
  readonly pending: () => number;
  readonly failAll: (error: Error) => void;
}

/**
 * The keys of requests whose reply did not come in time, and has not come since, which are remembered: the oldest are
 * forgotten first. They cannot be used again meanwhile.
 */
const LATE_KEYS_MAX = 1024;

const quoted = (key: ReplyKey): string => JSON.stringify(String(key));

/** Bounded by the requests that wait, and by `LATE_KEYS_MAX`; by order, each request is kept until its reply has come. */
export function createReplies<In>(scheduler: SchedulerLike): Replies<In> {
  const byKey = new Map<ReplyKey, Request<In>>();
  const inOrder = createFifo<Request<In>>();
  /** In the order in which they were late. */
  const lateKeys = new Set<ReplyKey>();
  let waiting = 0;

  function expect(key: ReplyKey | undefined, timeoutMs: number) {
    if (key !== undefined && byKey.has(key))
      throw new StateError('key-in-use', `request: a request with the key ${quoted(key)} waits already`);
    if (key !== undefined && lateKeys.has(key))
      throw new StateError(
        'key-in-use',
        `request: the reply to an earlier request with the key ${quoted(key)} did not come in time, and may still come: use another key`,
      );
    let resolve!: (reply: In) => void;
    let reject!: (error: Error) => void;
    const promise = new Promise<In>((settled, failed) => {
      [resolve, reject] = [settled, failed];
    });
    const end = (as: 'late' | 'over'): boolean => {
      if (request.state !== 'waiting') return false;
      request.state = as;
      waiting--;
      timer.unsubscribe();
      if (key !== undefined) byKey.delete(key);
      return true;
    };
    const request: Request<In> = {
      state: 'waiting',
      settle: (reply) => {
        if (end('over')) resolve(reply);
      },
      fail: (error) => {
        if (end('over')) reject(error);
      },
    };
    const timer = scheduler.schedule(() => {
      if (!end('late')) return;
      if (key !== undefined) rememberLate(key);
      reject(new RequestTimeout(timeoutMs));
    }, timeoutMs);
    waiting++;
    if (key === undefined) inOrder.push(request);
    else byKey.set(key, request);
    return {
      promise,
      fail: request.fail,
      withdraw: (error: unknown) => {
        request.fail(error as Error);
        request.state = 'withdrawn';
      },
    };
  }

  function rememberLate(key: ReplyKey): void {
    lateKeys.add(key);
    for (const oldest of lateKeys) {
      if (lateKeys.size <= LATE_KEYS_MAX) break;
      lateKeys.delete(oldest);
    }
  }

  function take(key: ReplyKey | undefined, message: In, isKeyed: boolean): boolean {
    if (!isKeyed) {
      let request = inOrder.shift();
      while (request?.state === 'withdrawn') request = inOrder.shift();
      request?.settle(message);
      return request !== undefined;
    }
    if (key === undefined) return false;
    const request = byKey.get(key);
    request?.settle(message);
    return request !== undefined || lateKeys.delete(key);
  }

  return {
    expect,
    take,
    pending: () => waiting,
    failAll: (error) => {
      for (const request of [...byKey.values(), ...inOrder]) request.fail(error);
      inOrder.clear();
    },
  };
}
