/**
 * Refuses what other pages ask for in the name of whoever looks at them.
 *
 * - A page whose name is made to mean our address (DNS rebinding) asks with its own name as `Host`: only addresses,
 *   `localhost`, the host that is listened on and the names that were allowed are answered.
 * - A page of another origin asks with its own `Origin`; and where it sends none, for a picture or a script, browsers
 *   say `Sec-Fetch-Site`. Programs that are no browser send neither.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

export interface OwnHosts {
  /** In lower case, without ports. */
  readonly names: ReadonlySet<string>;
  /** As browsers write them in `Origin`: with a port, unless it is that of the scheme. */
  readonly origins: ReadonlySet<string>;
  readonly isSecure: boolean;
}

export interface Foreign {
  readonly status: 400 | 403 | 421;
  readonly text: string;
}

/** @param allowed further names, with or without a port. */
export function ownHosts(host: string, allowed: readonly string[], isSecure: boolean): OwnHosts {
  const named = [host, ...allowed].map((each) => each.toLowerCase());
  return {
    names: new Set(['localhost', ...named.map(withoutPort)]),
    origins: new Set(allowed.map((each) => each.toLowerCase())),
    isSecure,
  };
}

/** Why a request is none of the page's own; null when it is, or of a program that is no browser. */
export function foreignFault({ headers, method }: IncomingMessage, own: OwnHosts): Foreign | null {
  const host = headers.host?.toLowerCase() ?? '';
  if (!/^(\[[0-9a-f:.]+\]|[^\s:/?#@[\]]+)(:\d{1,5})?$/.test(host)) {
    return { status: 400, text: 'the request says no host, or one that cannot be' };
  }
  const name = withoutPort(host);
  if (isIP(name) === 0 && !own.names.has(name)) {
    return {
      status: 421,
      text: `this page is not reached as ${name}: use its address, or start the server with --web-host ${name}`,
    };
  }
  const { origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = headers;
  if (origin !== undefined && !isOwnOrigin(origin, host, own)) {
    return { status: 403, text: 'another page may not ask for this' };
  }
  const isNavigation = mode === 'navigate' && method === 'GET';
  if (origin === undefined && (site === 'cross-site' || site === 'same-site') && !isNavigation) {
    return { status: 403, text: 'another page may not ask for this' };
  }
  return null;
}

function isOwnOrigin(origin: string, host: string, { origins, isSecure }: OwnHosts): boolean {
  const url = URL.canParse(origin) ? new URL(origin) : null;
  if (url === null || (url.protocol !== 'https:' && (isSecure || url.protocol !== 'http:'))) return false;
  // The port of the scheme may be in `Host`, and never is in an origin.
  return origins.has(url.host) || new URL(`${url.protocol}//${host}`).host === url.host;
}

/** The name of `name`, `name:port`, `[address]:port` and a bare address. */
const withoutPort = (host: string): string =>
  isIP(host) > 0 ? host : host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
