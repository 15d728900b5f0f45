/** The record of a run, as it is before anything has come. */
import { createFifo } from '../../base/fifo.ts';
import { EMPTY_SET } from '../../base/lazy-set.ts';
import type { PerformContext } from '../actor.ts';
import { CREDIT_FLOOR_BYTES } from '../bounds/credit.ts';
import { UNLIMITED } from '../bounds/rate-limit.ts';
import { NO_EVENTS } from './event-credit.ts';
import { SETTLE_MS } from './lifecycle.ts';
import type { Run } from './run.ts';
import type { ServeActorOptions } from './serve-actor-options.ts';

/** Until the run has its own, which needs the run. */
const NO_CONTEXT = {} as PerformContext<unknown>;
const NO_RATES = { bytes: UNLIMITED, messages: UNLIMITED };

/** The parts of a run that call it back, and what is made for each connection. */
export type RunParts = Pick<
  Run,
  | 'connection'
  | 'actor'
  | 'scheduler'
  | 'observer'
  | 'inbound'
  | 'window'
  | 'member'
  | 'writer'
  | 'ackDelay'
  | 'room'
>;

/** Requests begin though so much waits for the peer: a long header is to be done with, and its place free for others. */
const BEGINNING_BYTES_LEAST = 64 * 1024;

/** One literal has all the fields, so that all runs have one shape. */
export function createRunRecord(parts: RunParts, options: ServeActorOptions): Run {
  const { limits } = options;
  return {
    connection: parts.connection,
    actor: parts.actor,
    scheduler: parts.scheduler,
    observer: parts.observer,
    trace: options.trace,
    counters: options.counters,
    lingerMs: limits.linger,
    sendingMax: limits.sendingBytes ?? Math.max(limits.window.high, CREDIT_FLOOR_BYTES),
    beginningMax: Math.max(limits.window.high, BEGINNING_BYTES_LEAST),
    stateBytesMax: limits.stateBytes ?? limits.window.high,
    settleMs: limits.settle ?? SETTLE_MS,
    phase: 'open',
    isBroken: false,
    state: undefined,
    decoding: { codec: parts.actor.codec, state: undefined },
    chunks: createFifo(),
    slice: null,
    lastStep: null,
    ends: createFifo(),
    pull: () => {},
    steps: createFifo(),
    results: createFifo(),
    resultBytes: 0,
    drained: EMPTY_SET,
    fromPeer: NO_EVENTS,
    inbound: parts.inbound,
    isInputsTurn: false,
    reducer: { next: () => {} },
    settlement: null,
    messageCredit: 0,
    messageMemory: null,
    sharedMemory: null,
    creditChange: 0,
    window: parts.window,
    member: parts.member,
    writer: parts.writer,
    ackDelay: parts.ackDelay,
    rates: NO_RATES,
    room: parts.room,
    pausedBy: EMPTY_SET,
    cancelRoom: null,
    isWaiting: false,
    hasRoom: false,
    partialBytes: 0,
    partialCredit: 0,
    stateCredit: 0,
    frameCost: 0,
    isUnreachable: false,
    isEndDecoded: false,
    isInputOver: false,
    underWay: EMPTY_SET,
    timers: null,
    behindBody: createFifo(),
    isSendingBody: false,
    behindBodyBytes: 0,
    cancelWhenLow: null,
    isAborted: false,
    abort: null,
    closed$: null,
    context: NO_CONTEXT,
    listening: null,
    waits: null,
    sent: 0,
    received: 0,
    bodies: 0,
    inBody: false,
    isReducingBody: false,
  };
}
