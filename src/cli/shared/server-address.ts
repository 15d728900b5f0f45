/** The address of a server, as it is written on the command line, or the name that it has in `sluice config`. */
import { InvalidArgumentError } from 'commander';
import { usageError } from './exit-error.ts';

export type ServerAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** A server that `sluice config` knows. */
export interface ServerName {
  readonly name: string;
}

const NAME = /^[a-z][a-z\d._-]{0,63}$/i;

/** Why a server cannot have this name; null when it can. No name looks like an address. */
export function explainBadServerName(name: string): string | null {
  if (!NAME.test(name)) return 'a name is a letter, then up to 63 letters, digits, "-", "_" and "."';
  return name === 'unix' ? '"unix:" begins the path of a socket' : null;
}

/** Parses an address, or `work:`, a name and nothing behind its colon. */
export function parseServer(text: string): ServerAddress | ServerName {
  const name = text.endsWith(':') ? text.slice(0, -1) : '';
  return explainBadServerName(name) === null ? { name } : parseServerAddress(text);
}

const NO_USER =
  'an address is HOST:PORT, with nothing before an @: a token is read from --token-file FILE, or from SLUICE_TOKEN';

/** Parses `localhost:8080`, `[::1]:8080`, `:8080`, which is this machine, or `unix:/path`. */
export function parseServerAddress(text: string): ServerAddress {
  if (text.startsWith('unix:')) return { path: socketPath(text.slice('unix:'.length)) };
  // Commander would print an invalid argument, and what is before the @ may be a token.
  if (text.includes('@')) throw usageError(NO_USER);
  const found = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (found !== null && (port < 1 || port > 65_535)) {
    throw new InvalidArgumentError(`The port must be 1 to 65535, and is ${found[3]}.`);
  }
  if (found === null) {
    throw new InvalidArgumentError(
      'It must be HOST:PORT, such as 192.168.0.5:8080 or [::1]:8080, or unix:/path.',
    );
  }
  return { host: found[1] || found[2] || '127.0.0.1', port };
}

function socketPath(path: string): string {
  if (path !== '' && !path.includes('\0')) return path;
  throw new InvalidArgumentError(
    'unix: must be followed by the path of a socket, such as unix:/run/sluice.sock.',
  );
}
