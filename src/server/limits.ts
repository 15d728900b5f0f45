/** The limits of a server. Each queue in it is bounded by one of them. */

import { CREDIT_FLOOR_BYTES, EVENT_COST_BYTES, type Watermarks } from '../actor/bounds/credit.ts';
import type { Timeouts } from '../actor/bounds/timeouts.ts';
import { defaultActorLimits, QUIET_PERIOD } from '../actor/limits.ts';
import type { QuietPeriod } from '../actor/run/ack-delay.ts';
import { check, numberFrom, optional } from '../wire/argument.ts';

/**
 * The limits of a server. Each queue in it is bounded by one of them. Those that are not given have the values of
 * `defaultLimits`.
 */
export interface ServerLimits {
  /**
   * The most bytes of JSON in the header of a request, 2 to 2^31 - 1; default 65,536. Beyond it: `bad-header-length`.
   */
  readonly headerBytes: number;
  /** The most bytes of one file; default 1 TiB. Beyond it: `too-large`. */
  readonly fileBytes: number;
  /** The most connections at once; default 10,000. Beyond it: `too-many-connections`. */
  readonly connections: number;
  /** The same from one address; default 8,000. Connections that have no address (over Unix sockets) do not count. */
  readonly connectionsPerAddress: number;
  /**
   * The requests a second of all connections together; default `Infinity`, no limit. Beyond it nothing is refused: the
   * server reads more slowly, in turns that are fair between the connections.
   */
  readonly requestsPerSecond: number;
  /** The same for bytes that are received; default `Infinity`. */
  readonly bytesPerSecond: number;
  /** How long a connection waits for its peer, in milliseconds; the defaults are those that `Timeouts` lists. */
  readonly timeouts: Timeouts;
  /**
   * The most requests of one connection that may be unanswered at once; default 256. Beyond it the connection is not
   * read.
   */
  readonly openRequests: number;
  /**
   * The unsettled bytes of one connection at which reading pauses, and below which it resumes; default 4 and 3.75 MiB.
   */
  readonly window: Watermarks;
  /**
   * The same over all connections together, for what is received and for what is sent; default 128 and 96 MiB. An
   * eighth of it, or room for one header, is for headers that are arriving and are longer than a few thousand bytes.
   */
  readonly budget: Watermarks;
  /**
   * The files that may be open over all connections, besides one to be sent (`reading`) and one to be stored
   * (`writing`) for each of them; default 512 and 512. Beyond it requests wait for their turn.
   */
  readonly openFiles: { readonly reading: number; readonly writing: number };
  /**
   * How long a peer that has not shown that it reads must be quiet until replies are sent to it; default a second at
   * first, half a second at least, and 5 seconds in the middle of a frame.
   */
  readonly quietPeriod: QuietPeriod;
  /** How long the peer may take to end its side once ours is ended, in milliseconds; default 5,000. */
  readonly linger: number;
  /** How long running requests may take when the server shuts down, in milliseconds; default 10,000. */
  readonly grace: number;
}

const { messagesPerSecond, mailbox: _, ...shared } = defaultActorLimits;

/**
 * The limits of a server where the options name no others.
 *
 * @example
 * startServer({ store: memoryStore(), limits: { timeouts: { ...defaultLimits.timeouts, idle: 60_000 } } });
 */
export const defaultLimits: ServerLimits = {
  ...shared,
  headerBytes: 64 * 1024,
  fileBytes: 1024 ** 4,
  requestsPerSecond: messagesPerSecond,
  openRequests: 256,
  openFiles: { reading: 512, writing: 512 },
  quietPeriod: QUIET_PERIOD,
};

/** The share of the budget that is for headers that are arriving. */
const HEADS_SHARE = 1 / 8;
/** A character of a header may take two bytes in memory. */
const HEADER_GROWTH = 2;

/**
 * The least budget, in bytes, with which every request can be carried out: room for one header as it arrives, for the
 * same header once it is parsed, and for what each connection may hold.
 */
export function budgetMin(headerBytes: number): number {
  return headerBytes * (1 + HEADER_GROWTH) + EVENT_COST_BYTES + 2 * CREDIT_FLOOR_BYTES;
}

/**
 * Splits the budget between credit for requests, and room for headers that are arriving.
 *
 * @throws RangeError when the budget is less than `budgetMin`.
 */
export function splitBudget(limits: Pick<ServerLimits, 'budget' | 'headerBytes'>) {
  const { budget, headerBytes } = limits;
  const highMin = budgetMin(headerBytes);
  if (!(budget.high >= highMin) || !(budget.low <= budget.high)) {
    throw new RangeError(
      `limits.budget.high is ${budget.high} and must be at least ${highMin} with headers of ${headerBytes} bytes, ` +
        `and limits.budget.low, which is ${budget.low}, at most that`,
    );
  }
  const heads = Math.max(1, Math.floor((budget.high * HEADS_SHARE) / headerBytes));
  const forHeads = heads * headerBytes;
  return { credit: { high: budget.high - forHeads, low: Math.max(0, budget.low - forHeads) }, heads };
}

/**
 * The descriptors that are for neither connections nor the files of requests: 112 for folders that the store holds
 * open, 64 for folders that it lists, 24 for a worker that stores small files and for its folders, 64 for connections that
 * are refused because there are too many, 32 for recordings, 16 for metrics, and 32 for the process itself.
 */
export const DESCRIPTORS_RESERVED = 344;
/** The descriptors of a connection: its own, a file to be sent, and a file to be stored. */
const DESCRIPTORS_EACH = 3;

/** The descriptors that a server may need for so many connections, when each sends one file and stores one. */
export function descriptorsFor(connections: number): number {
  return DESCRIPTORS_RESERVED + DESCRIPTORS_EACH * connections;
}

/** The least and the most TLS handshakes that may be under way at once. */
const [HANDSHAKES_MIN, HANDSHAKES_MAX] = [16, 1024];

/**
 * The number of TLS handshakes that may be under way. Each has a descriptor that does not belong to a connection yet.
 */
export function handshakesWithin(descriptors: number): number {
  return Math.max(HANDSHAKES_MIN, Math.min(HANDSHAKES_MAX, Math.floor(descriptors / 8)));
}

/**
 * The limits that follow from the number of descriptors that the process may have: for connections, each with a file
 * to be sent and one to be stored, and for the files beyond those that all connections share.
 *
 * @param descriptors `Infinity` where the number is not known.
 * @param connections the number that is wanted, whatever the process may have; default as many as fit.
 * @example limitsWithin(1024) // { connections: 170, connectionsPerAddress: 136, openFiles: { reading: 85, writing: 85 } }
 */
export function limitsWithin(
  descriptors: number,
  connections?: number,
): Pick<ServerLimits, 'connections' | 'connectionsPerAddress' | 'openFiles'> {
  check('limitsWithin: the descriptors', descriptors, numberFrom(0));
  check('limitsWithin: the connections', connections, optional(numberFrom(0)));
  const free = Math.max(0, descriptors - DESCRIPTORS_RESERVED);
  // A quarter of the descriptors is for files that all connections share.
  const fitting = Math.max(1, Math.floor(free / (DESCRIPTORS_EACH + 1)));
  const most = connections ?? Math.min(defaultLimits.connections, fitting);
  const perAddress = connections === undefined ? Math.ceil(most * 0.8) : defaultLimits.connectionsPerAddress;
  const left = Number.isFinite(free) ? Math.max(0, free - DESCRIPTORS_EACH * most) : free;
  const { reading, writing } = defaultLimits.openFiles;
  return {
    connections: most,
    connectionsPerAddress: Math.min(perAddress, defaultLimits.connectionsPerAddress),
    openFiles: {
      reading: Math.min(reading, Math.floor(left / 2)),
      writing: Math.min(writing, Math.floor(left / 2)),
    },
  };
}
