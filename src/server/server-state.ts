/** The state of a server that is subscribed to, and the options that all of its connections share. */
import { mergeMap, type Observable, ReplaySubject, share, timer } from 'rxjs';
import {
  type ConnectionCount,
  type ConnectionLimit,
  createConnectionLimit,
  limitConnections,
} from '../actor/bounds/connection-limit.ts';
import { createCounters } from '../actor/bounds/counters.ts';
import { createBudget } from '../actor/bounds/credit.ts';
import { createRateLimiter, type RateLimiter } from '../actor/bounds/rate-limit.ts';
import { createRounds } from '../actor/bounds/rounds.ts';
import { createSlots } from '../actor/bounds/slots.ts';
import { createTimeoutMonitor } from '../actor/bounds/timeouts.ts';
import { shutdownSignal } from '../actor/shutdown-signal.ts';
import { openAccess } from '../files/effects/access.ts';
import { fileService } from '../files/effects/file-actor.ts';
import type { ServeConnectionOptions } from '../files/effects/serve-connection.ts';
import type { AddressTries } from '../files/effects/token-check.ts';
import { createTokenTries } from '../files/effects/token-tries.ts';
import { serviceFault } from '../files/protocol/errors.ts';
import { version } from '../files/protocol/version.ts';
import type { Command } from '../files/session/command.ts';
import { commands as builtIn, requestFraming } from '../files/session/dispatch.ts';
import { createSession } from '../files/session/session.ts';
import { encodeJsonHeader } from '../wire/json-header.ts';
import { openFileLimit } from './bounds.ts';
import type { ServerEvent } from './event.ts';
import { defaultLimits, limitsWithin, type ServerLimits, splitBudget } from './limits.ts';
import type { ConnectionRegistry } from './observe/registry.ts';
import type { ServeOptions } from './serve-options.ts';

/** Which parts of a server are others than its own: of the process that watches it, or that owns its limits. */
export interface ServerParts {
  /** Has the connections as long as they are open; null when nobody can watch. */
  readonly registry?: ConnectionRegistry | null;
  readonly limits?: SharedLimits | null;
}

/** What several processes of one server hold together. */
export interface SharedLimits {
  readonly connections: ConnectionCount;
  readonly rates: Rates;
  readonly tokenTries: HostTries;
}

export interface Rates {
  readonly bytes: RateLimiter;
  readonly requests: RateLimiter;
}

/** The token tries of each host. */
export interface HostTries {
  readonly takeTurn: (host: string) => ReturnType<AddressTries['takeTurn']>;
  readonly wrong: (host: string) => void;
}

/** A server that is subscribed to. */
export interface ServerState {
  /** The options with which all connections are served. */
  readonly shared: ReturnType<typeof sharedOptions>;
  readonly connectionLimit: ConnectionLimit;
  /** Null when nobody can watch. */
  readonly registry: ConnectionRegistry | null;
  readonly tokenTries: HostTries;
  /** Emits when the grace time of a shutdown is over: what is not finished is cut off. */
  readonly cut$: Observable<unknown>;
  /** The events that are about no connection. `shutdown$` may error before the server's are subscribed to. */
  readonly ownEvents$: ReplaySubject<ServerEvent>;
  isShuttingDown: boolean;
}

export function createServerState(
  options: ServeOptions,
  { registry = null, limits: others = null }: ServerParts,
): ServerState {
  const { commands = builtIn } = options;
  const within = limitsWithin(openFileLimit(), options.limits?.connections);
  const limits = { ...defaultLimits, ...within, ...options.limits };
  const ownEvents$ = new ReplaySubject<ServerEvent>();
  const rates = others?.rates ?? {
    bytes: createRateLimiter(limits.bytesPerSecond),
    requests: createRateLimiter(limits.requestsPerSecond),
  };
  const shared = sharedOptions(options, commands, limits, rates, (thrown) =>
    ownEvents$.next({ type: 'internal-error', thrown }),
  );
  const { shutdown$, counters, budget } = shared;
  const connectionLimit =
    others === null
      ? createConnectionLimit(limits, refusalReply)
      : limitConnections(others.connections, refusalReply);
  const server: ServerState = {
    shared,
    connectionLimit: leaving(connectionLimit, registry),
    registry,
    tokenTries: others?.tokenTries ?? options.tokenTries ?? createTokenTries(() => performance.now()),
    cut$: shutdown$.pipe(
      mergeMap(() => timer(limits.grace)),
      share(),
    ),
    ownEvents$,
    isShuttingDown: false,
  };
  shutdown$.subscribe(() => {
    server.isShuttingDown = true;
  });
  options.stats?.(() => ({
    ...counters,
    connections: server.connectionLimit.count(),
    unsettled: budget.unsettled(),
  }));
  return server;
}

/** The limit, which a connection that it releases takes out of the registry too. */
function leaving(limit: ConnectionLimit, registry: ConnectionRegistry | null): ConnectionLimit {
  if (registry === null) return limit;
  return {
    ...limit,
    release: (connection) => {
      limit.release(connection);
      registry.leave(connection.id);
    },
  };
}

/** The options that all connections of a server share: one budget, one set of rate limits, one session. */
function sharedOptions(
  options: ServeOptions,
  commands: readonly Command[],
  limits: ServerLimits,
  rateLimits: Rates,
  shutdownFailed: (thrown: unknown) => void,
) {
  const { store, customHandlers = {}, access = openAccess } = options;
  const { credit, heads } = splitBudget(limits);
  const { reading, writing } = limits.openFiles;
  const session = createSession(commands, limits);
  const framing = requestFraming(commands, { maxHeader: limits.headerBytes });
  return {
    session,
    framing,
    service: fileService({ session, framing, access, timeouts: limits.timeouts }),
    store,
    customHandlers,
    access,
    limits,
    budget: createBudget(credit),
    slots: {
      heads: createSlots({ shared: heads, perHolder: 0 }),
      reading: createSlots({ shared: reading, perHolder: 1 }),
      writing: createSlots({ shared: writing, perHolder: 1 }),
    },
    rounds: createRounds(),
    timeoutMonitor: createTimeoutMonitor(limits.timeouts),
    rateLimits,
    trace: options.trace,
    about: aboutServer(commands, limits),
    counters: createCounters(),
    shutdown$: shutdownSignal(options.shutdown$, shutdownFailed),
  } satisfies Partial<ServeConnectionOptions>;
}

/** The limits and commands that a client may want to know before it sends. An infinite bound is null. */
function aboutServer(commands: readonly Command[], limits: ServerLimits) {
  const { headerBytes, fileBytes, openRequests } = limits;
  return {
    server: 'sluice',
    version,
    commands: [...new Set(commands.map(({ cmd }) => cmd))],
    limits: { headerBytes, fileBytes: Number.isFinite(fileBytes) ? fileBytes : null, openRequests },
  };
}

/** The reply to a connection that is not admitted. */
export function refusalReply(why: string): Uint8Array | null {
  const reply = encodeJsonHeader({ error: serviceFault('too-many-connections', why) });
  return reply.ok ? reply.bytes : null;
}
