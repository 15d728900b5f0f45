/** Which server a command talks to, and how: one set of options for all of them. */
import { type Command, Option } from 'commander';
import { catchError, firstValueFrom, map, type Observable, throwError } from 'rxjs';
import { AUTO_CONNECTIONS_MAX, mostConnections } from '../../client/pool/growth.ts';
import type { Connection } from '../../transport/connection.ts';
import type { ConnectionError } from '../../transport/connection-error.ts';
import { connectTcp } from '../../transport/socket/tcp.ts';
import { connectTls } from '../../transport/tls/tls.ts';
import { connectUnix } from '../../transport/unix/unix.ts';
import { explainMisspeltVariable } from '../settings/environment.ts';
import { DAY_MS } from '../settings/setting-types.ts';
import { createBandwidth, RATE_MIN } from './bandwidth.ts';
import { exitError, usageError } from './exit-error.ts';
import { exitStatus } from './exit-status.ts';
import { duration } from './option-parsers.ts';
import { parseServer, type ServerAddress } from './server-address.ts';
import { noticingTls, withTlsHint } from './tls-hint.ts';
import { addTlsOptions, type TlsFlags, tlsSettings } from './tls-option.ts';
import { readToken, tokenFileOption } from './token.ts';

export interface ServerFlags extends TlsFlags {
  readonly server?: ServerAddress;
  readonly to?: ServerAddress;
  readonly from?: ServerAddress;
  /** Which of the two the command has. */
  readonly serverOption?: 'to' | 'from';
  /** Milliseconds. */
  readonly timeout: number;
  readonly tokenFile?: string;
}

/** The part of every help that is about the server. */
export const serverHelp = `
The server is HOST:PORT, unix:/path for a socket of this machine, or NAME: for
one that "sluice config" has a name for. It may also come from the environment,
as SLUICE_SERVER; so may SLUICE_TLS=1 and the --tls-… options, as SLUICE_TLS_CA
and so on. A TIME is in seconds, or has a unit: 500ms, 2m.

A server's certificate is always verified. A token is read from --token-file, or
from the environment as SLUICE_TOKEN; it is never an option of its own, since
all users of a machine can see those.`;

export function addServerOption(command: Command, name: 'to' | 'from'): Command {
  command
    .setOptionValue('serverOption', name)
    .addOption(
      new Option(`--${name} <SERVER>`, 'the server, HOST:PORT, unix:/path or NAME:').argParser(parseServer),
    )
    .addOption(
      new Option('--server <SERVER>', `the same as --${name}`).env('SLUICE_SERVER').argParser(parseServer),
    )
    .hook('preAction', resolveNames)
    .addOption(
      new Option('--timeout <TIME>', 'how long to wait for the connection')
        .argParser(duration(1, DAY_MS))
        .default(10_000, '10s'),
    );
  return addTlsOptions(command).addOption(tokenFileOption());
}

/** For a hook before the action, which then gets addresses only. The file is read only when a name is meant. */
export async function resolveNames(_: Command, command: Command): Promise<void> {
  const isNamed = [command.opts().to, command.opts().from, command.opts().server].some(
    (given) => typeof given === 'object' && 'name' in given,
  );
  if (isNamed) (await import('../config/named-server.ts')).resolveNamedServer(command);
}

export function addressOf(flags: ServerFlags): ServerAddress {
  const address = flags.to ?? flags.from ?? flags.server;
  if (address === undefined) {
    throw usageError(
      `no server was named: add --${flags.serverOption ?? 'server'} HOST:PORT, or set SLUICE_SERVER`,
    );
  }
  return address;
}

/** The token to authenticate with; null when there is none. Throws an `ExitError` when it cannot be read. */
export const tokenOf = (flags: ServerFlags, environment = process.env): string | null =>
  readToken(flags.tokenFile, environment.SLUICE_TOKEN);

export interface ConnectionFlags {
  readonly parallel?: number | 'auto';
  /** Bytes a second. */
  readonly bwlimit?: number;
}

/** How many connections a command has: as a pool takes it, and the most. With `auto` the rate must be enough for each. */
export function connectionsOf({ parallel = 1, bwlimit = Number.POSITIVE_INFINITY }: ConnectionFlags) {
  const parallelMax = Math.min(AUTO_CONNECTIONS_MAX, Math.max(1, Math.floor(bwlimit / RATE_MIN)));
  return { pool: { parallel, parallelMax }, most: mostConnections(parallel, parallelMax) } as const;
}

/**
 * Connects at each subscription, as the flags say; the connection is not authenticated yet. Errors with a
 * `ConnectionError`. The flags are checked once, in the call itself: it throws an `ExitError` when they make no sense
 * or name a file that cannot be read.
 */
export function connection$(
  flags: ServerFlags & ConnectionFlags,
  environment = process.env,
): Observable<Connection> {
  const { bwlimit } = flags;
  const connecting$ = unlimited$(flags, environment);
  if (bwlimit === undefined) return connecting$;
  const { most } = connectionsOf(flags);
  if (bwlimit < RATE_MIN * most)
    throw usageError(`--bwlimit is less than 64K for each of ${most} connections: make --parallel smaller`);
  return connecting$.pipe(map(createBandwidth(bwlimit)));
}

function unlimited$(flags: ServerFlags, environment: NodeJS.ProcessEnv): Observable<Connection> {
  const why = explainMisspeltVariable(environment);
  if (why !== null) throw usageError(why);
  const where = addressOf(flags);
  const tls = tlsSettings(flags, environment);
  const { timeout } = flags;
  if ('path' in where) {
    if (tls !== null) throw usageError(`${where.path} is on this machine and has no TLS: leave --tls away`);
    return connectUnix({ ...where, timeout });
  }
  if (tls === null) return connectTcp({ ...where, timeout }).pipe(map(noticingTls));
  return connectTls({ ...where, timeout, ...tls }).pipe(
    catchError((error: ConnectionError) => throwError(() => withTlsHint(error))),
  );
}

/** Resolves with the connection. Throws an `ExitError` with the reason when there is none. */
export async function connected(connecting$: Observable<Connection>): Promise<Connection> {
  try {
    return await firstValueFrom(connecting$);
  } catch (thrown) {
    throw exitError(exitStatus.connection, (thrown as ConnectionError).message);
  }
}
