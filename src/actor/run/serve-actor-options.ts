/** The options with which an actor serves a connection. */
import type { Observable, SchedulerLike } from 'rxjs';
import type { Counters } from '../bounds/counters.ts';
import type { Budget, Watermarks } from '../bounds/credit.ts';
import type { RateLimiter } from '../bounds/rate-limit.ts';
import type { Rounds } from '../bounds/rounds.ts';
import type { Slots } from '../bounds/slots.ts';
import type { TimeoutMonitor } from '../bounds/timeouts.ts';
import type { MailboxLimits } from '../mailbox.ts';
import type { TraceEvent } from '../trace.ts';
import type { QuietPeriod } from './ack-delay.ts';
import type { RunHolder } from './look.ts';

/** What the connections of a server share, and what bounds each of them. */
export interface ServeActorOptions {
  readonly budget: Budget;
  readonly rounds: Rounds;
  /** Room for long messages that are arriving. */
  readonly rooms: Slots;
  readonly timeoutMonitor: TimeoutMonitor;
  readonly rateLimits: { readonly bytes: RateLimiter; readonly messages: RateLimiter };
  readonly limits: {
    readonly window: Watermarks;
    readonly mailbox: MailboxLimits;
    readonly quietPeriod: QuietPeriod;
    readonly linger: number;
    /** How long effects may go on after the connection is closed, in milliseconds; default half a minute. */
    readonly settle?: number;
    /** What may wait for the peer to read before nothing more is reduced, in bytes; default the window's high mark. */
    readonly sendingBytes?: number;
    /** The most that the state may keep, in bytes; default the window's high mark. */
    readonly stateBytes?: number;
  };
  readonly counters: Counters;
  readonly shutdown$?: Observable<unknown>;
  readonly scheduler?: SchedulerLike;
  readonly trace?: ((event: TraceEvent) => void) | undefined;
  /** Is given the run, for those who look at it. */
  readonly holder?: RunHolder | undefined;
}
