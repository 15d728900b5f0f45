/** A running server as an object, for programs that start and stop it: a framework, or a test. */
import { asyncScheduler, EMPTY, type Observable, Subject } from 'rxjs';
import { StateError } from '../base/sluice-error.ts';
import type { ChangeFeed } from '../store/changes/change-log.ts';
import type { Address } from '../transport/connection.ts';
import { connectionError } from '../transport/connection-error.ts';
import { listenTcp } from '../transport/socket/tcp.ts';
import { checkOptions, MILLISECONDS, optional, type RulesFor, TEXT, wholeFrom } from '../wire/argument.ts';
import type { ServerEvent } from './event.ts';
import { defaultLimits } from './limits.ts';
import { serve } from './serve.ts';
import { SERVE_RULES, type ServeOptions } from './serve-options.ts';
import { acknowledgedChanges, CHANGE_LOG, type ChangeItem } from './sinks/acknowledged-changes.ts';
import type { ServerStats } from './status.ts';

/** The options of `startServer`: `store` is needed. All but `host` and `port` are those of `serve`. */
export interface StartServerOptions
  extends Omit<ServeOptions, 'connections$' | 'shutdown$' | 'stats'>,
    Partial<Pick<ServeOptions, 'connections$'>> {
  /** The port to listen on, 0 to 65,535; default 0, any free one. Not used when there are `connections$`. */
  readonly port?: number;
  /** The address to listen on; default 127.0.0.1. Not used when there are `connections$`. */
  readonly host?: string;
  /**
   * The log of changes of the store, for `changes$`: opened with `library` among its `sinks`. Default none. The server
   * does not close it.
   */
  readonly changes?: ChangeFeed;
}

/** How `RunningServer.close` ends what is under way. */
export interface CloseServerOptions {
  /**
   * How long requests that run may take, in milliseconds; at most `limits.grace`, which is the default (10,000). 0 cuts
   * everything off at once.
   */
  readonly grace?: number;
}

/** Where the server listens. */
export interface Listening {
  /** Host and port, or the path of a Unix socket. */
  readonly address: Address;
  /** The real port when the option was 0; 0 for a source without ports. */
  readonly port: number;
}

/**
 * The states of a server.
 *
 * | state       | it is left by                                  | for         |
 * | ----------- | ---------------------------------------------- | ----------- |
 * | `starting`  | it listens                                     | `listening` |
 * |             | it cannot listen                               | `failed`    |
 * | `listening` | `close`; its source of connections is over     | `closing`   |
 * | `closing`   | all that runs is finished, or cut off          | `closed`    |
 */
export type ServerPhase = 'starting' | 'listening' | 'closing' | 'closed' | 'failed';

/**
 * A server of files as an object: what `startServer` returns. `await using server = startServer(…)` closes it at the end
 * of the block, with the grace of `close`.
 */
export interface RunningServer extends AsyncDisposable {
  /** Resolves when connections are accepted; rejects when they cannot be, with the error of its connections: a `ListenError`, say. */
  readonly ready: Promise<Listening>;
  /** Where it listens, once it does: null before. What a late subscriber has missed. */
  readonly listening: Listening | null;
  /** Its state now. */
  readonly phase: ServerPhase;
  /** The events from now on. It completes when the server is closed, and never errors: `closed` has the failure. */
  readonly events$: Observable<ServerEvent>;
  /**
   * What happens to files, at least once each, until it is acknowledged: see `acknowledgedChanges`. It also has what was
   * not acknowledged before the server was started, and goes on when the server is closed, as the log does. Empty without
   * `changes`.
   */
  readonly changes$: Observable<ChangeItem>;
  /** The numbers of now; of the last moment when the server is closed. */
  readonly stats: () => ServerStats;
  /** Resolves when the server is closed, whoever closed it. Rejects as `ready` when it failed. */
  readonly closed: Promise<void>;
  /**
   * Closes the server in order: it accepts no more, finishes what runs, and cuts off what is not finished in time. Also
   * when it is closed already. The store stays open.
   */
  readonly close: (options?: CloseServerOptions) => Promise<void>;
}

const { shutdown$: _shutdown, stats: _stats, ...OF_SERVE } = SERVE_RULES;
const RULES: RulesFor<StartServerOptions> = {
  ...OF_SERVE,
  connections$: optional(SERVE_RULES.connections$),
  port: optional(wholeFrom(0, 65_535)),
  host: optional(TEXT),
  changes: optional(CHANGE_LOG),
};
/** The sink of `changes$`. */
const LIBRARY_SINK = 'library';
const NO_STATS: ServerStats = { connections: 0, requests: 0, received: 0, sent: 0, unsettled: 0 };

/**
 * Starts a server of files at once, and returns it as an object. `serve` is the same as an Observable.
 *
 * @throws TypeError or RangeError when an option is of the wrong kind.
 * @example
 * const server = startServer({ port: 0, store: memoryStore() });
 * const { port } = await server.ready;
 * server.events$.subscribe((event) => console.log(event.type));
 * // later, in the hook for the shutdown of your framework
 * await server.close({ grace: 2_000 });
 */
export function startServer(options: StartServerOptions): RunningServer {
  checkOptions('startServer', options, RULES);
  const { port = 0, host = '127.0.0.1', connections$, changes, ...others } = options;
  const shutdown$ = new Subject<void>();
  const events$ = new Subject<ServerEvent>();
  const graceMax = options.limits?.grace ?? defaultLimits.grace;
  let phase: ServerPhase = 'starting';
  let listening: Listening | null = null;
  let read = (): ServerStats => NO_STATS;
  const ready = deferred<Listening>();
  const closed = deferred<void>();

  function onEvent(event: ServerEvent): void {
    if (event.type === 'listening') {
      const { address, port: realPort } = event;
      listening ??= { address, port: realPort };
      if (phase === 'starting') phase = 'listening';
      ready.resolve(listening);
    }
    events$.next(event);
  }

  function over(failure: { readonly error: unknown } | null): void {
    if (phase === 'closed' || phase === 'failed') return;
    phase = failure === null ? 'closed' : 'failed';
    const last = read();
    read = () => last;
    if (failure === null) {
      ready.reject(new StateError('closed', 'startServer: the server was closed before it could listen'));
      closed.resolve();
    } else {
      ready.reject(failure.error);
      closed.reject(failure.error);
    }
    events$.complete();
  }

  const served = serve({
    ...others,
    connections$: connections$ ?? listenTcp({ port, host }),
    shutdown$,
    stats: (readStats) => {
      read = readStats;
    },
  }).subscribe({
    next: onEvent,
    error: (error: unknown) => over({ error: connectionError(error) }),
    complete: () => over(null),
  });

  const close = async (given: CloseServerOptions = {}): Promise<void> => {
    checkOptions('close', given, { grace: optional(MILLISECONDS) });
    const { grace = graceMax } = given;
    if (phase === 'starting' || phase === 'listening') {
      phase = 'closing';
      shutdown$.next();
    }
    if (!served.closed && grace < graceMax) {
      const late = asyncScheduler.schedule(() => {
        served.unsubscribe();
        over(null);
      }, grace);
      served.add(late);
    }
    await closed.promise.catch(() => {});
  };

  return {
    ready: ready.promise,
    closed: closed.promise,
    events$: events$.asObservable(),
    get listening() {
      return listening;
    },
    get phase() {
      return phase;
    },
    changes$: changes === undefined ? EMPTY : acknowledgedChanges(changes, LIBRARY_SINK),
    stats: () => read(),
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

/** A promise, and what settles it. Nobody need wait for it: what it rejects with is no unhandled rejection. */
function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((go, fail) => {
    resolve = go;
    reject = fail;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
