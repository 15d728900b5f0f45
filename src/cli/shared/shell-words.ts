/** Commands that are printed, to be run in a shell. */
import { formatAddress } from '../../transport/address.ts';
import { printable } from './format.ts';
import { addressOf, type ServerFlags } from './server-option.ts';

/** A word as a shell takes it. */
export const quoted = (text: string): string =>
  /^[\w./:@%+,-]+$/.test(text) ? text : `'${printable(text).replaceAll("'", `'\\''`)}'`;

/**
 * The options that lead a command to the same server, wherever they come from. A token is not among them: only the path
 * of its file is.
 *
 * @example serverWords(flags) // ['--to', 'files.example.org:8443', '--tls']
 */
export function serverWords(flags: ServerFlags): readonly string[] {
  const address = addressOf(flags);
  const where = 'path' in address ? `unix:${address.path}` : formatAddress(address.host, address.port);
  const { tls, tlsCa, tlsCert, tlsKey, tlsName, tokenFile } = flags;
  const values = {
    ...{ [`--${flags.serverOption ?? 'server'}`]: where, '--tls-ca': tlsCa, '--tls-cert': tlsCert },
    ...{ '--tls-key': tlsKey, '--tls-name': tlsName, '--token-file': tokenFile },
  };
  const words = Object.entries(values).flatMap(([option, value]) =>
    value === undefined ? [] : [option, quoted(value)],
  );
  return tls ? [...words, '--tls'] : words;
}
