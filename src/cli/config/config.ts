/** `sluice config`: gives servers names, so that `--to work:` is enough. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { exitError, isExitError, usageError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import { createOutput } from '../shared/output.ts';
import { explainBadServerName, parseServerAddress } from '../shared/server-address.ts';
import { type TlsFlags, tlsOptions, tlsSettings } from '../shared/tls-option.ts';
import { readToken, tokenFileOption } from '../shared/token.ts';
import {
  explainUnknownServer,
  type NamedServer,
  readServers,
  type Servers,
  serversPath,
  writeServers,
} from './servers-file.ts';

interface SetFlags extends TlsFlags {
  readonly tokenFile?: string;
}

interface JsonFlag {
  readonly json?: true;
}

const help = `
A server that has a name is meant by that name and a colon, wherever a command
takes a server: --to work:, --from work:, SLUICE_SERVER=work:. What an option of
the command line says counts most, then what is said here, then the environment.

The names are in sluice/servers.json below $XDG_CONFIG_HOME, or below ~/.config,
which only you can read. A token is not in it: --token-file says where it is.

Examples:
  sluice config set work 192.168.0.5:8080
  sluice config set safe files.example.org:8443 --tls --token-file ~/.token
  sluice put photos --to work:
  sluice ls --from safe:
  sluice config list
  sluice config remove work
${exitStatusHelp}`;

const setHelp = `
A name is a letter, and then letters, digits, "-", "_" and ".". A server that
has the name already is replaced, with all that was said of it.

Examples:
  sluice config set work 192.168.0.5:8080
  sluice config set here unix:/run/sluice.sock
  sluice config set safe files.example:8443 --tls-ca ca.pem --token-file token`;

export function addConfig(program: Command): void {
  const command = program
    .command('config')
    .usage('<command>')
    .summary('name servers')
    .description('Gives servers names, so that --to NAME: is enough.')
    .addHelpText('after', help);
  const set = command
    .command('set')
    .summary('give a server a name')
    .description('Gives a server a name, and says how to talk to it.')
    .argument('<NAME>', 'how it is to be called')
    .argument('<ADDRESS>', 'HOST:PORT or unix:/path')
    .addHelpText('after', setHelp)
    .action(setServer);
  // Without the environment: what is meant for one run is not to stay.
  for (const option of [...tlsOptions(), tokenFileOption()]) {
    set.addOption(Object.assign(option, { envVar: undefined }));
  }
  command
    .command('list')
    .summary('list the named servers')
    .description('Lists the named servers.')
    .option('--json', 'print JSON, one object a line')
    .action(listServers);
  command
    .command('show')
    .summary('show what is known of a server')
    .description('Shows what is known of a server.')
    .argument('<SERVER>', 'its name')
    .option('--json', 'print JSON')
    .action(showServer);
  command
    .command('remove')
    .summary('forget servers')
    .description('Forgets servers.')
    .argument('<SERVER...>', 'their names')
    .action(removeServers);
}

function setServer(given: string, address: string, flags: SetFlags): void {
  // As it is written elsewhere.
  const name = given.replace(/:$/, '');
  const why = explainBadServerName(name);
  if (why !== null) throw usageError(`${printable(given)} cannot be the name of a server: ${why}`);
  const server = serverOf(address, flags);
  const path = serversPath();
  const servers = readServers(path);
  writeServers(path, new Map([...servers, [name, server]]));
  const output = createOutput();
  const done = servers.has(name) ? 'replaced' : 'added';
  output.line(`${done} ${name}: ${inWords(server)}`);
}

/** Throws an `ExitError` for what could not be used: an address that is none, or a file that cannot be read. */
function serverOf(address: string, flags: SetFlags): NamedServer {
  const where = parsedAddress(address);
  const tls = tlsSettings(flags, {}) !== null;
  if ('path' in where && tls) throw usageError('a socket of this machine has no TLS: leave --tls away');
  readToken(flags.tokenFile, undefined);
  const paths = (['tlsCa', 'tlsCert', 'tlsKey', 'tokenFile'] as const).flatMap((field) => {
    const path = flags[field];
    return path === undefined ? [] : [[field, resolve(path)] as const];
  });
  return {
    address: 'path' in where ? `unix:${resolve(where.path)}` : address,
    ...(tls && { tls }),
    ...(flags.tlsName !== undefined && { tlsName: flags.tlsName }),
    ...Object.fromEntries(paths),
  };
}

function parsedAddress(address: string) {
  try {
    return parseServerAddress(address);
  } catch (error) {
    if (isExitError(error)) throw error;
    throw usageError(`${printable(address)} is no server. ${(error as Error).message}`);
  }
}

function listServers({ json }: JsonFlag): void {
  const output = createOutput();
  const path = serversPath();
  const servers = readServers(path);
  const width = Math.max(0, ...[...servers.keys()].map(({ length }) => length));
  for (const [name, server] of servers) {
    if (json) output.json({ name, ...server });
    else output.line(`${name.padEnd(width)}  ${inWords(server)}`);
  }
  if (servers.size === 0 && !json)
    output.error(`no server has a name yet in ${printable(path)}; "sluice config set" gives one`);
}

/** @example 'files.example.org:8443, TLS, token' */
const inWords = ({ address, tls, tokenFile }: NamedServer): string =>
  printable([address, tls && 'TLS', tokenFile !== undefined && 'token'].filter(Boolean).join(', '));

function showServer(given: string, { json }: JsonFlag): void {
  const name = given.replace(/:$/, '');
  const server = known(name, readServers(serversPath()));
  const output = createOutput();
  if (json) return output.json({ name, ...server });
  output.line(`${'name'.padEnd(9)}  ${name}`);
  for (const [field, value] of Object.entries(server)) {
    output.line(`${field.padEnd(9)}  ${printable(value === true ? 'yes' : String(value))}`);
  }
}

function removeServers(given: readonly string[]): void {
  const path = serversPath();
  const servers = new Map(readServers(path));
  const names = given.map((each) => each.replace(/:$/, ''));
  for (const name of names) known(name, servers);
  for (const name of names) servers.delete(name);
  writeServers(path, servers);
  const output = createOutput();
  for (const name of names) output.line(`removed ${name}`);
}

function known(name: string, servers: Servers): NamedServer {
  const server = servers.get(name);
  if (server === undefined) throw exitError(exitStatus.failed, explainUnknownServer(name, servers));
  return server;
}
