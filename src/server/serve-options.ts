/** The options of a server, checked where they come in: a bound that is not a number would bound nothing. */
import type { Observable } from 'rxjs';
import { checkCommands } from '../files/session/check-commands.ts';
import type { Command } from '../files/session/command.ts';
import type { Access } from '../runtime/access.ts';
import type { CustomHandlers } from '../runtime/effect-executor.ts';
import { defaultLimits, type Limits } from '../runtime/limits.ts';
import type { TokenTries } from '../runtime/token-tries.ts';
import type { Store } from '../store/contract.ts';
import type { ListenEvent } from '../transport/listen.ts';
import {
  checkOptions,
  FUNCTION,
  MILLISECONDS,
  numberFrom,
  OBSERVABLE,
  optional,
  RECORD,
  STORE,
  withMethods,
} from '../wire/argument.ts';
import type { ServerStats } from './stats.ts';

export interface ServeOptions {
  /** Where connections come from: `listenTcp({ port: 8080 })`, or any other source of them, or several merged. */
  readonly connections$: Observable<ListenEvent>;
  readonly store: Store;
  /** Default: all of Sluice's own. Add yours behind them: `[...commands, mine]`; of one name, the last one counts. */
  readonly commands?: readonly Command[];
  /** Performs the `call` effects of commands of your own. */
  readonly customHandlers?: CustomHandlers;
  readonly limits?: Partial<Limits>;
  /** Who is let in, and may do what; default everybody, everything. */
  readonly access?: Access;
  /**
   * How often tokens may be tried from one address (of IPv6, one network); default `createTokenTries()`. Connections that
   * have no address, such as those of a Unix socket, count as from one.
   */
  readonly tokenTries?: TokenTries;
  /**
   * When it emits, the server shuts down in good order: it accepts no more, finishes what runs, and completes. What
   * is not finished within `limits.grace` is cut off.
   */
  readonly shutdown$?: Observable<unknown>;
  /** Given, once it is subscribed, how to read how the server is. */
  readonly stats?: (read: () => ServerStats) => void;
}

const ACCESS = withMethods('an access, such as openAccessFile has', ['first', 'byToken', 'now']);
const RULES = {
  connections$: OBSERVABLE,
  store: STORE,
  customHandlers: optional(RECORD),
  limits: optional(RECORD),
  access: optional(ACCESS),
  shutdown$: optional(OBSERVABLE),
  stats: optional(FUNCTION),
};

/** @throws TypeError or RangeError that names the option. */
export function checkServe(options: ServeOptions): void {
  checkOptions('serve', options, RULES);
  if (options.commands !== undefined) checkCommands('serve', options.commands);
  const limits: Limits = { ...defaultLimits, ...options.limits };
  checkBounds('serve: limits', limits, defaultLimits);
  checkOptions('serve: limits', limits, { linger: MILLISECONDS, grace: MILLISECONDS });
}

/** Every number that there is in one is a number in the other, in objects within it too. */
function checkBounds(of: string, given: object, model: object): void {
  for (const [field, bound] of Object.entries(model)) {
    const value = (given as Readonly<Record<string, unknown>>)[field];
    if (typeof bound === 'number') checkOptions(of, given, { [field]: numberFrom(0) });
    else {
      checkOptions(of, given, { [field]: RECORD });
      checkBounds(`${of}.${field}`, value as object, bound);
    }
  }
}
