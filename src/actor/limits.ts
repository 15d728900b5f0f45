/** The limits of a server of actors, with their defaults. Each queue in it is bounded by one of them. */
import { checkNames } from '../base/option-names.ts';
import { checkOptions, MILLISECONDS, numberFrom, oneOf, RECORD } from '../wire/argument.ts';
import type { Watermarks } from './bounds/credit.ts';
import type { Timeouts } from './bounds/timeouts.ts';
import { defaultMailbox, type MailboxLimits } from './mailbox.ts';
import type { QuietPeriod } from './run/ack-delay.ts';

/**
 * The bounds of `serveActors`: of connections, of what they send a second, of their memory and of the time that they
 * may take. Those that are not given have the values of `defaultActorLimits`.
 */
export interface ActorLimits {
  /** The most connections at once; default 10,000. */
  readonly connections: number;
  /** The same from one address; default 8,000. Connections without an address do not count. */
  readonly connectionsPerAddress: number;
  /** The messages a second of all connections together; default no limit. Beyond it the server reads more slowly. */
  readonly messagesPerSecond: number;
  /**
   * The bytes a second that all connections together may send; default no limit. Beyond it the server reads more
   * slowly.
   */
  readonly bytesPerSecond: number;
  /**
   * How long a connection waits for its peer, in milliseconds; `Infinity` for ever. For a protocol in which the server
   * alone speaks, `firstBytes` and `idle` are `Infinity`. The defaults are those that `Timeouts` lists.
   */
  readonly timeouts: Timeouts;
  /** The unsettled bytes of one connection at which reading pauses, and below which it resumes; default 4 and 3.75 MiB. */
  readonly window: Watermarks;
  /** The same over all connections together; default 128 and 96 MiB. Half of it is for messages that are arriving. */
  readonly budget: Watermarks;
  /** The inputs that may wait for one connection, from all others together; default 1,024 inputs and 1 MiB. */
  readonly mailbox: MailboxLimits;
  /** How long the peer may take to end its side once ours is ended, in milliseconds; default 5,000. */
  readonly linger: number;
  /** How long connections may go on when the server shuts down, in milliseconds; default 10,000. */
  readonly grace: number;
}

const MiB = 1024 * 1024;

/**
 * The limits of `serveActors` where the options name no others.
 *
 * @example
 * const { timeouts } = defaultActorLimits;
 * serveActors({
 *   connections$: listenTcp({ port: 7000 }),
 *   actor: echo,
 *   limits: { timeouts: { ...timeouts, idle: 60_000 } },
 * }).subscribe({ error: (error) => console.error(error.message) });
 */
export const defaultActorLimits: ActorLimits = {
  connections: 10_000,
  connectionsPerAddress: 8_000,
  messagesPerSecond: Number.POSITIVE_INFINITY,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  timeouts: {
    firstBytes: 120_000,
    header: 30_000,
    body: 30_000,
    bodyBytes: 1024,
    idle: 600_000,
    unread: 300_000,
  },
  window: { high: 4 * MiB, low: 3.75 * MiB },
  budget: { high: 128 * MiB, low: 96 * MiB },
  mailbox: defaultMailbox,
  linger: 5_000,
  grace: 10_000,
};

/** How long a peer that has not shown that it reads must be quiet until what may wait is sent to it. */
export const QUIET_PERIOD: QuietPeriod = { initial: 1_000, minimum: 500, midFrame: 5_000 };

const LIMIT_RULES = {
  connections: numberFrom(0),
  connectionsPerAddress: numberFrom(0),
  messagesPerSecond: numberFrom(0),
  bytesPerSecond: numberFrom(0),
  timeouts: RECORD,
  window: RECORD,
  budget: RECORD,
  mailbox: RECORD,
  linger: MILLISECONDS,
  grace: MILLISECONDS,
};
const MARKS_RULES = { high: numberFrom(0), low: numberFrom(0) };
const MAILBOX_RULES = {
  inputs: numberFrom(1),
  bytes: numberFrom(0),
  whenFull: oneOf('disconnect', 'dropOldest'),
};

/**
 * The limits, with the defaults for those that are not given.
 *
 * @throws TypeError or RangeError that names the limit.
 */
export function checkedLimits(given: Partial<ActorLimits> | undefined): ActorLimits {
  const limits = { ...defaultActorLimits, ...given };
  checkOptions('serveActors: limits', limits, LIMIT_RULES);
  checkNames('serveActors: limits.timeouts', limits.timeouts, defaultActorLimits.timeouts);
  checkOptions('serveActors: limits.window', limits.window, MARKS_RULES);
  checkOptions('serveActors: limits.budget', limits.budget, MARKS_RULES);
  checkOptions('serveActors: limits.mailbox', limits.mailbox, MAILBOX_RULES);
  return limits;
}
