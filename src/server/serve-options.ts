/** The options of a server, checked where they come in: a bound that is not a number would bound nothing. */
import type { Observable } from 'rxjs';
import type { TraceEvent } from '../actor/trace.ts';
import { checkNames } from '../base/option-names.ts';
import type { Access } from '../files/effects/access.ts';
import type { CustomHandlers } from '../files/effects/performer-state.ts';
import type { TokenTries } from '../files/effects/token-tries.ts';
import { checkCommands } from '../files/session/check-commands.ts';
import type { Command } from '../files/session/command.ts';
import type { FileStore } from '../store/contract.ts';
import type { ListenEvent } from '../transport/listen-event.ts';
import {
  ANYTHING,
  checkFields,
  checkOptions,
  FUNCTION,
  MILLISECONDS,
  numberFrom,
  OBSERVABLE,
  optional,
  RECORD,
  type RulesFor,
  STORE,
  withMethods,
} from '../wire/argument.ts';
import { defaultLimits, type ServerLimits } from './limits.ts';
import type { ServerStats } from './status.ts';

/** The options of `serve`: `connections$` and `store` are needed, and all others have defaults. */
export interface ServeOptions {
  /**
   * The source of connections: `listenTcp({ port: 8080 })`, any other Observable of them, or several merged. `serve`
   * needs it; the default of `startServer` is TCP at its `host` and `port`.
   */
  readonly connections$: Observable<ListenEvent>;
  /** Where the files go: `openDiskStore`, `memoryStore`, or a store of your own. */
  readonly store: FileStore;
  /**
   * Default: all of Sluice's own. Add yours after them: `[...commands, mine]`; of two with one name the last
   * counts.
   */
  readonly commands?: readonly Command[];
  /** Handles the `custom` effects of your own commands, by name; default none. */
  readonly customHandlers?: CustomHandlers;
  /** The limits that are not those of `defaultLimits`; default none. */
  readonly limits?: Partial<ServerLimits>;
  /** Decides which peers are admitted and what they may do; default `openAccess`: every peer and everything. */
  readonly access?: Access;
  /**
   * Limits how often tokens may be tried from one address (for IPv6, from one network); default
   * `createTokenTries()`. Connections without an address, such as those of a Unix socket, count as one
   * address.
   */
  readonly tokenTries?: TokenTries;
  /**
   * When it emits, the server shuts down in good order: it accepts no more connections, finishes the requests under
   * way, and completes. It cuts off what is not finished within `limits.grace`. An error of it does the same, and is an
   * event `internal-error` without a connection. Default never: unsubscribing stops the server at once.
   */
  readonly shutdown$?: Observable<unknown>;
  /**
   * Called with every event of every connection, its effects, and every pause; tokens are left out. Default nothing is.
   * It must not throw. `formatTrace` makes a line of it, and `traceToChannel` publishes it.
   */
  readonly trace?: (event: TraceEvent) => void;
  /** Called at subscription with a function that reads the current numbers of the server; default nothing is. */
  readonly stats?: (read: () => ServerStats) => void;
}

const ACCESS = withMethods('an access, such as openAccessFile has', ['initial', 'byToken', 'current']);
const TOKEN_TRIES = withMethods('token tries, such as createTokenTries makes', ['takeTurn']);
/** Of `serve`, and of what takes its options among others. */
export const SERVE_RULES: RulesFor<ServeOptions> = {
  connections$: OBSERVABLE,
  store: STORE,
  commands: ANYTHING,
  customHandlers: optional(RECORD),
  limits: optional(RECORD),
  access: optional(ACCESS),
  tokenTries: optional(TOKEN_TRIES),
  shutdown$: optional(OBSERVABLE),
  trace: optional(FUNCTION),
  stats: optional(FUNCTION),
};

/** @throws TypeError or RangeError that names the option. */
export function checkServe(options: ServeOptions): void {
  checkOptions('serve', options, SERVE_RULES);
  if (options.commands !== undefined) checkCommands('serve', options.commands);
  const limits: ServerLimits = { ...defaultLimits, ...options.limits };
  checkBounds('serve: limits', limits, defaultLimits);
  checkFields('serve: limits', limits, { linger: MILLISECONDS, grace: MILLISECONDS });
}

/** Checks that every number of the model is a number in the options, in nested objects too, and that there are no others. */
function checkBounds(of: string, given: object, model: object): void {
  checkNames(of, given, model);
  for (const [field, bound] of Object.entries(model)) {
    const value = (given as Readonly<Record<string, unknown>>)[field];
    if (typeof bound === 'number') checkFields(of, given, { [field]: numberFrom(0) });
    else {
      checkFields(of, given, { [field]: RECORD });
      checkBounds(`${of}.${field}`, value as object, bound);
    }
  }
}
