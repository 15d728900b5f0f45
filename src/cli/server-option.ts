/** Which server a command talks to: one option for all of them, with a name that reads well beside each. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { firstValueFrom } from 'rxjs';
import type { Connection, ConnectionFault } from '../transport/connection.ts';
import { connectTcp } from '../transport/tcp.ts';
import { exitStatus } from './exit-status.ts';
import { seconds } from './numbers.ts';
import { misuse, stop } from './stop.ts';

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface ServerFlags {
  readonly server?: Place;
  readonly to?: Place;
  readonly from?: Place;
  /** Milliseconds. */
  readonly timeout: number;
}

/** What the examples of every help may rely on. */
export const serverHelp = `
The server may also come from the environment: SLUICE_SERVER=HOST:PORT.`;

export function addServerOption(command: Command, name: 'to' | 'from'): Command {
  return command
    .addOption(new Option(`--${name} <HOST:PORT>`, 'the server').argParser(place))
    .addOption(
      new Option('--server <HOST:PORT>', `the same as --${name}`).env('SLUICE_SERVER').argParser(place),
    )
    .addOption(
      new Option('--timeout <SECONDS>', 'how long to wait for the connection')
        .argParser(seconds)
        .default(10_000, '10'),
    );
}

/** Reads `localhost:8080`, `[::1]:8080` or `:8080`, which is this machine. */
export function place(text: string): Place {
  const found = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (found === null || port < 1 || port > 65_535) {
    throw new InvalidArgumentError('It must be HOST:PORT, such as 192.168.0.5:8080 or [::1]:8080.');
  }
  return { host: found[1] || found[2] || '127.0.0.1', port };
}

export function placeOf(flags: ServerFlags): Place {
  const place = flags.to ?? flags.from ?? flags.server;
  if (place === undefined) {
    throw misuse('no server was named: add --server HOST:PORT, or set SLUICE_SERVER');
  }
  return place;
}

/** Connects, or stops with the reason. */
export async function connectTo(place: Place, timeout: number): Promise<Connection> {
  try {
    return await firstValueFrom(connectTcp({ ...place, timeout }));
  } catch (thrown) {
    throw stop(exitStatus.connection, (thrown as ConnectionFault).message);
  }
}
