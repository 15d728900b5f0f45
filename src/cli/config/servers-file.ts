/** The file with the named servers: where it is, how it is read and checked, and how it is replaced. */
import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { nearest } from '../../base/nearest.ts';
import { systemWords } from '../../files/protocol/system-words.ts';
import { strictJson } from '../../server/access/strict-json.ts';
import { runToEnd } from '../../server/cooperative.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import { explainBadServerName, parseServerAddress } from '../shared/server-address.ts';

/** A server as the file has it. Paths are absolute. */
export interface NamedServer {
  /** `HOST:PORT`, or `unix:/path`. */
  readonly address: string;
  readonly tls?: true;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsName?: string;
  readonly tokenFile?: string;
}

export type Servers = ReadonlyMap<string, NamedServer>;

type Environment = Readonly<Record<string, string | undefined>>;

/** What each field must be, and whether a relative one is a path beside the file. */
const FIELDS: Readonly<Record<keyof NamedServer, 'address' | 'flag' | 'path' | 'text'>> = {
  address: 'address',
  tls: 'flag',
  tlsCa: 'path',
  tlsCert: 'path',
  tlsKey: 'path',
  tlsName: 'text',
  tokenFile: 'path',
};
export const SERVER_FIELDS = Object.keys(FIELDS) as readonly (keyof NamedServer)[];

/** `$XDG_CONFIG_HOME/sluice/servers.json`, or below `~/.config`, as the XDG Base Directory Specification has it. */
export function serversPath(env: Environment = process.env): string {
  const { XDG_CONFIG_HOME: folder = '' } = env;
  return join(isAbsolute(folder) ? folder : join(homedir(), '.config'), 'sluice', 'servers.json');
}

/** Without a file there are none. Throws an `ExitError` that names the file, and the line or the field that is wrong. */
export function readServers(path: string): Servers {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw usageError(`${printable(path)} cannot be read: ${systemWords(error, 'read')}`);
  }
  const wrong = (why: string) => usageError(`${printable(path)}: ${why}`);
  const json = runToEnd(strictJson(text));
  if (!json.ok) throw wrong(`it is not JSON: ${json.problem}`);
  for (const { path: key, lines } of json.duplicates)
    throw wrong(`${printable(key.join('.'))} is there twice, in lines ${lines.join(' and ')}`);
  if (!isObject(json.value)) throw wrong('it must be an object with the field servers');
  const { servers, ...others } = json.value;
  for (const field of Object.keys(others)) throw wrong(explainUnknown(field, '', ['servers']));
  if (!isObject(servers)) throw wrong('servers must be an object: names, and the server of each');
  return new Map(Object.entries(servers).map(([name, value]) => [name, checked(name, value, path, wrong)]));
}

type Wrong = (why: string) => Error;

/** Checks what the file has under a name. No message has a value: it may be a token in the wrong place. */
function checked(name: string, value: unknown, path: string, wrong: Wrong): NamedServer {
  const why = explainBadServerName(name);
  if (why !== null) throw wrong(`${printable(name)} is no name of a server: ${why}`);
  if (!isObject(value)) throw wrong(`${name} must be an object with the field address`);
  const server: Record<string, unknown> = {};
  for (const [field, given] of Object.entries(value)) {
    if (!Object.hasOwn(FIELDS, field)) throw wrong(explainUnknown(field, `${name}.`, SERVER_FIELDS));
    const kind = FIELDS[field as keyof NamedServer];
    if (kind === 'flag') {
      if (typeof given !== 'boolean') throw wrong(`${name}.${field} must be true or false`);
      if (given) server[field] = true;
    } else {
      if (typeof given !== 'string' || given === '' || given.includes('\0'))
        throw wrong(`${name}.${field} must be a text that is not empty`);
      if (kind === 'address' && !isAddress(given))
        throw wrong(`${name}.${field} must be HOST:PORT or unix:/path`);
      server[field] = kind === 'path' ? resolve(dirname(path), given) : given;
    }
  }
  if (server.address === undefined) throw wrong(`${name} has no address`);
  return server as unknown as NamedServer;
}

function isAddress(text: string): boolean {
  try {
    parseServerAddress(text);
    return true;
  } catch {
    return false;
  }
}

function explainUnknown(field: string, within: string, fields: readonly string[]): string {
  const meant = nearest(field, fields);
  const hint = meant === undefined ? `the fields are ${fields.join(', ')}` : `did you mean ${meant}?`;
  return `${printable(within + field)} is not a field; ${hint}`;
}

/** Names that a message has at most. */
const NAMES_MAX = 10;

/** Explains that there is no server of this name, with those that there are. */
export function explainUnknownServer(name: string, servers: Servers): string {
  const names = [...servers.keys()];
  const none = `no server is named ${printable(name)}`;
  if (names.length === 0) return `${none}: "sluice config set ${printable(name)} HOST:PORT" names one`;
  const meant = nearest(name, names);
  if (meant !== undefined) return `${none}; did you mean ${meant}?`;
  const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : '';
  return `${none}; there are ${names.slice(0, NAMES_MAX).join(', ')}${more}`;
}

/**
 * Replaces the file, at once: whoever reads it meanwhile sees the old one or the new one. Nobody else may read it. A link
 * stays, and what it leads to is replaced. Throws an `ExitError` when it cannot be written.
 */
export function writeServers(path: string, servers: Servers): void {
  const sorted = [...servers].sort(([one], [other]) => (one < other ? -1 : 1));
  const text = `${JSON.stringify({ servers: Object.fromEntries(sorted) }, null, 2)}\n`;
  let temporary: string | null = null;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const target = behindLinks(path);
    temporary = `${target}.${process.pid}.tmp`;
    rmSync(temporary, { force: true });
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(temporary, target);
  } catch (error) {
    if (temporary !== null) rmSync(temporary, { force: true });
    throw exitError(
      exitStatus.failed,
      `${printable(path)} cannot be written: ${systemWords(error, 'write')}`,
    );
  }
}

function behindLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
