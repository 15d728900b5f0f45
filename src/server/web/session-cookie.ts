/**
 * The cookie of the page: the token itself, where no script can read it.
 *
 * There is no session on the server: so it holds over a restart and on every node of a store of many, and is worth
 * nothing as soon as its token is. Browsers do not keep the cookies of two ports apart, so its name has the port: that of the address
 * in the browser, which a proxy, or a container's mapping, makes another than the one that is listened on. Where
 * there is TLS its name begins with `__Host-`: browsers then take it from this very host over TLS alone.
 */
import type { IncomingMessage } from 'node:http';

export interface SessionCookies {
  /** The token of a request; undefined when it has none, or something that cannot be one. */
  readonly tokenOf: (request: IncomingMessage) => string | undefined;
  /** The header `Set-Cookie` that keeps a token; null when it is too long for browsers. */
  readonly keep: (request: IncomingMessage, token: string) => string | null;
  /** The headers that have it forgotten. */
  readonly forget: (request: IncomingMessage) => readonly string[];
}

/** Browsers drop cookies whose name and value have more than 4,096 bytes. */
const VALUE_LENGTH_MAX = 4000;
const SECURE = '__Host-';

/** @param isSecure whether the server speaks TLS. Without it a proxy in front may: then the page's origin says so. */
export function sessionCookies(isSecure: boolean): SessionCookies {
  const namesFor = ({ headers: { host = '' } }: IncomingMessage) => {
    const plain = `sluice-${/:(\d+)$/.exec(host)?.[1] ?? 'default'}`;
    return isSecure ? [SECURE + plain] : [SECURE + plain, plain];
  };
  const line = (name: string, value: string, more = '') =>
    `${name}=${value}; Path=/; HttpOnly; SameSite=Strict${name.startsWith(SECURE) ? '; Secure' : ''}${more}`;
  return {
    tokenOf: (request) => {
      const given = cookiesIn(request.headers.cookie ?? '');
      for (const name of namesFor(request)) {
        const token = decoded(given.get(name));
        if (token !== undefined) return token;
      }
      return undefined;
    },
    keep: (request, token) => {
      const value = Buffer.from(token).toString('base64url');
      if (value.length > VALUE_LENGTH_MAX) return null;
      const names = namesFor(request);
      const isOverTls = isSecure || request.headers.origin?.startsWith('https:') === true;
      return line(names[isOverTls ? 0 : 1]!, value);
    },
    forget: (request) => namesFor(request).map((name) => line(name, '', '; Max-Age=0')),
  };
}

/** Of two cookies of one name the first counts: browsers send the one with the longer path first. */
function cookiesIn(header: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, equals).trim();
    if (equals > 0 && !found.has(name)) found.set(name, pair.slice(equals + 1).trim());
  }
  return found;
}

function decoded(value: string | undefined): string | undefined {
  if (value === undefined || !/^[\w-]+$/.test(value)) return undefined;
  const token = Buffer.from(value, 'base64url').toString();
  return token === '' ? undefined : token;
}
