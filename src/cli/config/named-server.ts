/** Puts what the file says of a named server in place of the name, before a command runs. */
import type { Command } from 'commander';
import { usageError } from '../shared/exit-error.ts';
import { parseServerAddress, type ServerAddress, type ServerName } from '../shared/server-address.ts';
import { explainUnknownServer, readServers, SERVER_FIELDS, serversPath } from './servers-file.ts';

/** The options that name a server: the first that is given counts. */
const SERVER_OPTIONS = ['to', 'from', 'server'] as const;

/**
 * An option of the command line stays as it is. What the file says counts more than the environment, whose token or
 * certificate may be meant for another server. Throws an `ExitError` when there is no server of that name.
 */
export function resolveNamedServer(command: Command, env = process.env): void {
  const option = SERVER_OPTIONS.find((each) => command.getOptionValue(each) !== undefined);
  if (option === undefined) return;
  const given = command.getOptionValue(option) as ServerAddress | ServerName;
  if (!('name' in given)) return;
  const servers = readServers(serversPath(env));
  const server = servers.get(given.name);
  if (server === undefined) {
    throw usageError(`--${option} ${given.name}: ${explainUnknownServer(given.name, servers)}`);
  }
  command.setOptionValueWithSource(option, parseServerAddress(server.address), 'config');
  for (const field of SERVER_FIELDS) {
    if (field === 'address' || server[field] === undefined) continue;
    if (command.getOptionValueSource(field) === 'cli') continue;
    command.setOptionValueWithSource(field, server[field], 'config');
  }
}
